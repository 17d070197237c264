"""How long a stream that breaks is opened again."""

from __future__ import annotations

import asyncio
from typing import Final

import grpc

from branchline.client._backoff import Backoff
from branchline.client._refusals import asked_delay, can_be_repeated, refusal

_LONGEST_PAUSE: Final = 2.0


class Outage:
    """Decides how long a watch without a server goes on trying."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._clock = asyncio.get_running_loop().time
        self._backoff = Backoff(_LONGEST_PAUSE)
        self._tried = self._clock()
        self._began: float | None = None

    def pause(self, error: grpc.aio.AioRpcError) -> float:
        """The seconds until the next try. Raises ``RpcError`` when there is to be none."""
        refused = refusal(error)
        now = self._clock()
        # A stream may be silent for hours: a try that lasted has reached the server.
        if self._began is None or now - self._tried > self._timeout:
            self._began = now
        pause = self._backoff.pause(asked_delay(error))
        if not can_be_repeated(refused) or now + pause > self._began + self._timeout:
            raise refused from error
        return pause

    def try_again(self) -> None:
        """Note that a try begins."""
        self._tried = self._clock()

    def end(self) -> None:
        """Note that the server has spoken."""
        self._began = None
        self._backoff.reset()
