"""Those who watch while things break."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from random import Random
from typing import TYPE_CHECKING

import grpc

from branchline.client import Client, RpcError, StatusChange
from branchline.v1 import event_pb2
from branchline.v1 import execution_service_pb2 as pb
from branchline.v1.execution_service_pb2_grpc import ExecutionServiceStub
from tests.chaos.report import Report

if TYPE_CHECKING:  # the stub's type is not there at run time
    from branchline.v1.execution_service_pb2_grpc import ExecutionServiceAsyncStub

_PAUSE = 0.1
_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


class EventWatcher:
    """Watches one execution on the raw stream, which hides no repeat and no gap."""

    def __init__(
        self, execution: str, addresses: Sequence[str], random: Random, report: Report
    ) -> None:
        self.execution = execution
        self.events: list[event_pb2.Event] = []
        self.finished = asyncio.Event()
        """Set when nothing more can happen: then the next stream that ends is the last one."""
        self._addresses = addresses
        self._random = random
        self._report = report

    async def watch(self) -> None:
        """Watch to the end, at any server, hanging up now and then."""
        while True:
            final = self.finished.is_set()
            address = self._random.choice(self._addresses)
            try:
                async with (
                    asyncio.timeout(None if final else self._random.uniform(1, 6)),
                    grpc.aio.insecure_channel(address, options=_OPTIONS) as channel,
                ):
                    await self._stream(ExecutionServiceStub(channel))
            except TimeoutError:
                self._report.count("watching", "streams hung up")
                continue
            except grpc.aio.AioRpcError:
                self._report.count("watching", "streams broken")
            else:
                if final:
                    return
            await asyncio.sleep(_PAUSE)

    async def _stream(self, stub: ExecutionServiceAsyncStub) -> None:
        after = len(self.events)
        request = pb.WatchExecutionRequest(execution_id=self.execution, after_sequence=after)
        async for answer in stub.WatchExecution(request):
            self._report.count("watching", "progress", len(answer.progress))
            for event in answer.events:
                in_order = event.sequence == len(self.events) + 1
                what = f"{self.execution}: {event.sequence} after {len(self.events)}"
                self._report.require(in_order, "watched events come in order", what)
                self.events.append(event)


class StatusWatcher:
    """Watches all executions, from the first one on."""

    def __init__(self, client: Client, random: Random, report: Report) -> None:
        self.changes: list[StatusChange] = []
        self._closed: set[str] = set()
        self._watch = client.watch_executions()
        self._random = random
        self._report = report

    async def until_closed(self, executions: Collection[str]) -> None:
        """Wait until it has seen the end of all these."""
        while not self._closed.issuperset(executions):  # noqa: ASYNC110 - only for a moment
            await asyncio.sleep(_PAUSE)

    async def watch(self) -> None:
        """Watch for ever, hanging up now and then."""
        while True:
            try:
                async with asyncio.timeout(self._random.uniform(2, 8)):
                    async for change in self._watch:
                        self.changes.append(change)
                        note = self._closed.add if change.status.closed else self._closed.discard
                        note(change.execution_id)
            except TimeoutError:
                self._report.count("watching", "status streams hung up")
            except RpcError:
                self._report.count("watching", "status streams given up by the SDK")
            await asyncio.sleep(_PAUSE)
