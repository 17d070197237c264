"""Watching many executions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc

from branchline.client import _convert
from branchline.client._outage import Outage
from branchline.client.connection import Connection
from branchline.client.types import StatusChange
from branchline.v1 import execution_service_pb2 as pb


class StatusWatch:
    """How executions stand and every change of it: iterate over it with ``async for``.

    Made by :meth:`Client.watch_executions`.
    """

    def __init__(self, connection: Connection, wanted: pb.ExecutionFilter, after: int) -> None:
        self.position = after
        """Where to go on from, once what was given is dealt with; 0 while that is not possible."""
        self._connection = connection
        self._wanted = wanted

    def __aiter__(self) -> AsyncIterator[StatusChange]:
        """Go on from ``position``."""
        return self._changes()

    async def _changes(self) -> AsyncIterator[StatusChange]:
        outage = Outage(self._connection.timeout)
        while True:
            call = self._connection.executions.WatchExecutions(
                pb.WatchExecutionsRequest(filter=self._wanted, after_position=self.position)
            )
            held: list[pb.StatusChange] = []
            try:
                async for answer in call:
                    outage.end()
                    held += answer.changes
                    if 0 < answer.position == self.position:
                        continue  # Changes that were stored together: the rest follows.
                    for number, change in enumerate(held, start=1):
                        if number == len(held):
                            self.position = answer.position
                        yield _convert.status_change(change)
                    self.position = answer.position
                    held = []
            except grpc.aio.AioRpcError as error:
                pause = outage.pause(error)
            else:
                return
            finally:
                call.cancel()
            await asyncio.sleep(pause)
            outage.try_again()
