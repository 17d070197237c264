"""Listens to the changes of status of a workflow's executions (semantics 12.3)."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import grpc
from grpc import aio

from branchline.v1 import execution_pb2
from tests.scenarios.api import Api

_PAUSE = 0.02


class StatusListener:
    """Collects the statuses by execution; goes on from its position when it is cut off.

    It cuts itself off after each answer: nothing may be lost, and nothing told twice.
    """

    def __init__(self, api: Api, workflow: str) -> None:
        self.failure = ""
        self._api = api
        self._workflow = workflow
        self._told: dict[str, list[str]] = {}
        self._position = 0
        self._open = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def opened(self) -> None:
        """Wait until all present statuses are told."""
        await self._open.wait()

    async def statuses(self, execution_id: str, count: int, limit: float) -> list[str]:
        """What was told of an execution; waits so long for so many."""
        end = time.monotonic() + limit
        while not self.failure and time.monotonic() < end:
            if len(self._told.get(execution_id, ())) >= count:
                break
            await asyncio.sleep(_PAUSE)
        return self._told.get(execution_id, [])

    async def stop(self) -> None:
        """Listen no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while not self.failure:
            try:
                await self._next()
            except aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    self.failure = f"{error.code().name}: {error.details()}"
                    self._open.set()
                await asyncio.sleep(_PAUSE)

    async def _next(self) -> None:
        """Take the present statuses, or one answer."""
        async with aclosing(self._api.watch_all(self._workflow, self._position)) as answers:
            async for answer in answers:
                for change in answer.changes:
                    name = execution_pb2.ExecutionStatus.Name(change.status)
                    status = name.removeprefix("EXECUTION_STATUS_")
                    self._told.setdefault(change.execution_id, []).append(status)
                self._position = answer.position
                if self._position:
                    self._open.set()
                    return
