"""A few callers whose latency is measured while others make a server busy."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
from guests import channels
from measuring import Figure, percentile
from processes import Server, memory_mib

from branchline.v1 import execution_service_pb2 as pb
from branchline.v1.execution_service_pb2_grpc import ExecutionServiceStub

if TYPE_CHECKING:  # the stub's type is not there at run time
    from branchline.v1.execution_service_pb2_grpc import ExecutionServiceAsyncStub

_PACE = 0.05
"""Seconds between two starts, and between two signals."""
_PATIENCE = 600.0


class Callers:
    """A steady trickle of starts and signals, and what came of each."""

    def __init__(self, address: str, waiting: Iterator[str]) -> None:
        [channel] = channels(address, 1)
        self._stub: ExecutionServiceAsyncStub = ExecutionServiceStub(channel)
        self._waiting = waiting
        self._lags: dict[str, list[float]] = {}
        self.statuses: Counter[str] = Counter()

    async def act(self, seconds: float | None = None) -> None:
        """Act for some seconds, or until this is cancelled; then wait for the answers."""
        calls: list[asyncio.Task[None]] = []
        end = time.monotonic() + (seconds or _PATIENCE)
        try:
            while time.monotonic() < end:
                start = pb.StartExecutionRequest(workflow="chain", inputs_json='{"value":1}')
                signal = pb.SignalExecutionRequest(execution_id=next(self._waiting), topic="go")
                calls.append(
                    asyncio.create_task(self._time("start", self._stub.StartExecution(start)))
                )
                calls.append(
                    asyncio.create_task(self._time("signal", self._stub.SignalExecution(signal)))
                )
                await asyncio.sleep(_PACE)
        finally:
            await asyncio.gather(*calls)

    async def _time(self, kind: str, call: Awaitable[object]) -> None:
        began = time.perf_counter()
        try:
            await call
        except grpc.aio.AioRpcError as error:
            self.statuses[error.code().name] += 1
            return
        self.statuses["OK"] += 1
        self._lags.setdefault(kind, []).append(time.perf_counter() - began)

    def figures(self, when: str) -> list[Figure]:
        """Median and 99th percentile of what was granted."""
        note = ", ".join(f"{status} {number}" for status, number in self.statuses.items())
        return [
            Figure(f"limits: {kind} {when}, {name}", percentile(lags, share) * 1e3, "ms", note)
            for kind, lags in self._lags.items()
            for name, share in (("p50", 0.5), ("p99", 0.99))
        ]


class Peak:
    """The most memory that a server has held while this looked."""

    def __init__(self, server: Server) -> None:
        self._pid = server.pid
        self.mib = 0.0

    async def look(self) -> None:
        """Look until cancelled."""
        while True:
            self.mib = max(self.mib, memory_mib(self._pid))
            await asyncio.sleep(0.25)


@asynccontextmanager
async def beside(*works: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Do something beside the context's code."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
