"""Users who start executions and look after them, as carefully as one must."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar

from branchline.client import (
    Client,
    DeadlineExceeded,
    Execution,
    ExecutionClosed,
    ExecutionStatus,
    NotRetryable,
    Overloaded,
    RpcError,
    StartRequest,
    Unavailable,
)
from tests.chaos.diary import Asked, Diary, Note, Seen, Signaled, Started, Trying
from tests.chaos.report import Report
from tests.chaos.shapes import Shape

T = TypeVar("T")

_PAUSE = 0.2
_LONGEST_THOUGHT = 1.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all users share."""

    shapes: Sequence[Shape]
    diary: Diary
    report: Report
    mended: Path
    """The folder of the executions whose fault is mended."""
    on_start: Callable[[Execution], None]
    on_end: Callable[[Execution], None]


class User:
    """Looks after one execution after the other."""

    def __init__(self, name: str, client: Client, random: Random, around: Surroundings) -> None:
        self._name = name
        self._client = client
        self._random = random
        self._around = around
        self._served = 0

    async def work(self, until: float) -> None:
        """Go on until a time of the loop's clock, and finish what was begun."""
        while asyncio.get_running_loop().time() < until:
            self._served += 1
            await self._serve(self._random.choice(self._around.shapes))

    async def _serve(self, shape: Shape) -> None:
        run = await self._start(shape)
        self._around.on_start(run)
        whim = self._random.choices(["none", "pause", "cancel"], [7, 3, 1])[0]
        seed = self._random.random()
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self._signal(run, topic, values, Random(f"{seed} {topic}")))
                for topic, values in self._around.diary.started[run.id].told.items()
            ]
            if whim == "pause" or shape.held:
                helpers.append(group.create_task(self._unpause_forever(run)))
            if whim != "none":
                helpers.append(group.create_task(self._meddle(run, whim, Random(seed))))
            await self._wait(run, shape)
            for helper in helpers:
                helper.cancel()
        self._around.on_end(run)

    async def _start(self, shape: Shape) -> Execution:
        random = self._random
        n = random.randrange(1_000)
        told = {
            topic: [random.randrange(1_000) for _ in range(times)]
            for topic, times in shape.topics.items()
        }
        request_id = f"{self._name}-{self._served}"
        own_id = f"of-{request_id}" if random.random() < 0.3 else None
        request = StartRequest(
            workflow=shape.name,
            inputs={"n": n},
            id=own_id,
            request_id=request_id,
            labels={"user": self._name},
        )
        start = self._start_alone if random.random() < 0.7 else self._start_among_many
        run = await self._insist(partial(start, request))
        self._note(Started(run.id, shape.name, n, told, request_id))
        if random.random() < 0.2:
            again = await self._insist(partial(self._start_among_many, request))
            same = again.id == run.id
            self._around.report.require(same, "a start can be repeated", f"{run.id}, {again.id}")
        return run

    async def _start_alone(self, request: StartRequest) -> Execution:
        return await self._client.start(
            request.workflow,
            request.inputs,
            id=request.id,
            request_id=request.request_id,
            labels=request.labels,
        )

    async def _start_among_many(self, request: StartRequest) -> Execution:
        answer = (await self._client.start_many([request]))[0]
        if isinstance(answer, RpcError):
            raise answer
        return answer

    async def _signal(self, run: Execution, topic: str, values: list[int], random: Random) -> None:
        for number, value in enumerate(values):
            signal_id = f"{topic} {number}"
            await asyncio.sleep(random.uniform(0, _LONGEST_THOUGHT))
            for _ in range(2 if random.random() < 0.3 else 1):
                await self._until_taken(
                    partial(run.signal, topic, {"v": value}, signal_id=signal_id)
                )
            self._note(Signaled(run.id, topic, signal_id, value))

    async def _until_taken(self, send: Callable[[], Awaitable[None]]) -> None:
        """Send to an execution that may have failed for now; the end of all cancels this."""
        while True:
            try:
                await self._insist(send)
            except ExecutionClosed:
                await asyncio.sleep(_PAUSE)
            else:
                return

    async def _meddle(self, run: Execution, whim: str, random: Random) -> None:
        await asyncio.sleep(random.uniform(0, _LONGEST_THOUGHT))
        reason = f"a whim of {self._name}"

        async def ask() -> None:
            await (run.pause(reason=reason) if whim == "pause" else run.cancel(reason))

        if whim == "cancel":
            self._around.diary.note(Trying(run.id))
        try:
            await self._insist(ask)
        except ExecutionClosed:
            return
        self._note(Asked(run.id, "pause" if whim == "pause" else "cancel", reason))

    async def _unpause_forever(self, run: Execution) -> None:
        while True:
            await asyncio.sleep(self._random.uniform(0.3, 1))
            try:
                await self._insist(run.unpause)
            except ExecutionClosed:
                continue
            self._note(Asked(run.id, "unpause"))

    async def _wait(self, run: Execution, shape: Shape) -> None:
        """Wait for its end; mend and retry what has failed for now."""
        mended = self._around.mended / run.id
        while True:
            info = await self._insist(run.wait)
            if info.status is ExecutionStatus.FAILED and shape.fused:
                mended.touch()
                await self._retry(run)
                continue
            self._note(Seen(run.id, str(info.status)))
            return

    async def _retry(self, run: Execution) -> None:
        try:
            await self._insist(run.retry)
        except NotRetryable:
            # The answer to an earlier try may have been lost; the next wait shows.
            await asyncio.sleep(_PAUSE)
        else:
            self._note(Asked(run.id, "retry"))

    async def _insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat a call for as long as its fate is unknown."""
        while True:
            try:
                return await call()
            except (Unavailable, Overloaded, DeadlineExceeded) as error:
                self._around.report.count("calls repeated by users", error.code)
                await asyncio.sleep(_PAUSE)
            except (ExecutionClosed, NotRetryable):
                raise
            except RpcError as error:
                what = f"{error.code} {error.reason}: {error}"
                self._around.report.violation("a call fails only in ways that are told", what)
                await asyncio.sleep(_PAUSE)

    def _note(self, note: Note) -> None:
        self._around.report.count("acknowledged", _name_of(note))
        self._around.diary.note(note)


def _name_of(note: Note) -> str:
    return note.wish if isinstance(note, Asked) else type(note).__name__.lower()
