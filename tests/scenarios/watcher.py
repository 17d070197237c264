"""Watchers of executions.

One cuts its stream off after each event and goes on from the last number. What it gets must be the
stored history (semantics 12.1, 12.2). The other stays and listens for progress.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import grpc
from grpc import aio

from branchline.v1 import event_pb2
from tests.scenarios.api import Api

_PAUSE = 0.02


class Watcher:
    """Collects the events of an execution, one stream an event."""

    def __init__(self, api: Api, execution_id: str) -> None:
        self.events: list[event_pb2.Event] = []
        self.failure = ""
        self._api = api
        self._id = execution_id
        self._ended = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    @property
    def ended(self) -> bool:
        """Whether the server has ended the stream."""
        return self._ended.is_set()

    def resume(self) -> None:
        """Go on watching an execution that was closed and is taken up again."""
        if self._task.done():
            self._ended.clear()
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Watch no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def difference(self, *, closed: bool, limit: float) -> str:
        """How what it got differs from the stored history; waits so long for the rest of it."""
        history = await self._api.history(self._id)
        end = time.monotonic() + limit
        while not self.failure and time.monotonic() < end:
            if len(self.events) >= len(history) and self.ended == closed:
                break
            await asyncio.sleep(_PAUSE)
        if self.failure:
            return f"watch: {self.failure}"
        if [event.sequence for event in history] != list(range(1, len(history) + 1)):
            numbers = [event.sequence for event in history]
            return f"watch: the history's numbers are not 1, 2, 3...: {numbers}"
        got = self.events if closed else self.events[: len(history)]
        if got != history:
            return f"watch: {_first_difference(got, history)}"
        if self.ended != closed:
            return "watch: the stream has ended" if self.ended else "watch: the stream has no end"
        return ""

    async def _run(self) -> None:
        while not self.ended and not self.failure:
            try:
                await self._next()
            except aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    self.failure = f"{error.code().name}: {error.details()}"
                await asyncio.sleep(_PAUSE)

    async def _next(self) -> None:
        """Take one event, or the end of the stream."""
        last = len(self.events)
        async with aclosing(self._api.watch(self._id, last)) as answers:
            async for answer in answers:
                numbers = [event.sequence for event in answer.events]
                if numbers != list(range(last + 1, last + 1 + len(numbers))):
                    self.failure = f"after {last} came the numbers {numbers}"
                    return
                if numbers:
                    self.events.append(answer.events[0])
                    return
        self._ended.set()


class ProgressListener:
    """Remembers the progress messages of an execution."""

    def __init__(self, api: Api, execution_id: str) -> None:
        self.messages: set[str] = set()
        self._api = api
        self._id = execution_id
        self._last = 0
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Listen no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.UNAVAILABLE:
                    await asyncio.sleep(_PAUSE)
                    continue
            return

    async def _listen(self) -> None:
        async with aclosing(self._api.watch(self._id, self._last)) as answers:
            async for answer in answers:
                self.messages.update(note.message for note in answer.progress)
                if answer.events:
                    self._last = answer.events[-1].sequence


def _first_difference(got: list[event_pb2.Event], stored: list[event_pb2.Event]) -> str:
    if len(got) != len(stored):
        return f"expected {len(stored)} events, got {len(got)}"
    one, other = next(pair for pair in zip(got, stored, strict=True) if pair[0] != pair[1])
    return f"event {other.sequence}: the stored one is {other!s}, got {one!s}".replace("\n", " ")
