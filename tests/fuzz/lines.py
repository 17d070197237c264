"""Calls of any kind with bytes of any kind, and the answers judged."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from enum import Enum
from typing import Any

import grpc

from tests.fuzz.apis import Method
from tests.fuzz.verdicts import judge_answer, judge_error

LIMIT = 10.0
"""Seconds in which a call ends that has nothing to wait for."""

_WHILE = 0.03
"""Seconds that a caller listens who does not mean to stay."""


class Ending(Enum):
    """How a caller takes leave."""

    PATIENT = "waits for the end, or hangs up when the call may go on for ever"
    HASTY = "hangs up as soon as everything is said"
    DONE = "says that nothing more will be said, and waits for the end"


class Line:
    """Calls of one method."""

    def __init__(self, channel: grpc.aio.Channel, method: Method) -> None:
        self._method = method
        kind = f"{_kind(method.client_streams)}_{_kind(method.server_streams)}"
        self._open = getattr(channel, kind)(method.path)

    async def talk(self, said: Sequence[bytes], ending: Ending) -> None:
        """Make one call; fails when it hangs or has an answer that should not be."""
        call = self._open() if self._method.client_streams else self._open(said[0])
        listening = asyncio.create_task(self._listen(call))
        if self._method.client_streams:
            await asyncio.wait_for(self._say(call, said, ending), LIMIT)
        await self._leave(call, listening, ending)
        listening.result()

    async def _say(self, call: Any, said: Sequence[bytes], ending: Ending) -> None:  # noqa: ANN401 - of any kind
        # The server may have ended the call before all was said.
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            for part in said:
                await call.write(part)
            if ending is Ending.DONE:
                await call.done_writing()

    async def _leave(self, call: Any, listening: asyncio.Task[None], ending: Ending) -> None:  # noqa: ANN401 - of any kind
        if ending is Ending.HASTY:
            await asyncio.sleep(0)
            call.cancel()
        elif self._method.may_wait and not (ending is Ending.DONE and self._method.ends_when_done):
            await asyncio.wait([listening], timeout=_WHILE)
            call.cancel()
        await asyncio.wait([listening], timeout=LIMIT)
        assert listening.done(), f"{self._method} hangs, caller {ending.value}"

    async def _listen(self, call: Any) -> None:  # noqa: ANN401 - of any kind
        what = repr(self._method)
        try:
            if self._method.server_streams:
                async for data in call:
                    judge_answer(what, self._method.response.FromString(data))
            else:
                judge_answer(what, self._method.response.FromString(await call))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.CANCELLED and not _is_callers_own(error):
                judge_error(what, error)
        except asyncio.CancelledError:
            if not call.cancelled():
                raise


def _kind(streams: bool) -> str:  # noqa: FBT001 - as the descriptor says it
    return "stream" if streams else "unary"


def _is_callers_own(error: grpc.aio.AioRpcError) -> bool:
    """Whether it was made up by the caller's gRPC, as when the call ends while it is writing."""
    return error.details() == "Internal error from Core" and not error.trailing_metadata()
