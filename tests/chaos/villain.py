"""Breaks things, in an order that the seed decides."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from tests.chaos.processes import Kept
from tests.chaos.stage import Stage

T = TypeVar("T")

_DISK = 64 * 1024
"""How large a file may be on a full disk: what is there can be written over, up to here."""


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault to come."""

    after: float
    """Seconds after the one before."""
    fault: str
    where: float
    """Which process or way, as a share of them."""
    seconds: float
    share: float
    """How many of the connections."""


def draw_blows(random: Random, seconds: float) -> list[Blow]:
    """The faults of so many seconds."""
    blows: list[Blow] = []
    time = 0.0
    while True:
        after = random.uniform(0.3, 3)
        time += after
        fault = random.choices(list(_FAULTS), [weight for weight, _ in _FAULTS.values()])[0]
        blow = Blow(after, fault, random.random(), random.uniform(0.1, 3), random.random())
        if time >= seconds:
            return blows
        blows.append(blow)


class Villain:
    """Deals out blows; several may be under way, but one at a time to the same process."""

    def __init__(self, stage: Stage, blows: Sequence[Blow]) -> None:
        self._stage = stage
        self._blows = blows

    async def rage(self) -> None:
        """Deal out everything, and return when the last one is over."""
        async with asyncio.TaskGroup() as group:
            for blow in self._blows:
                await asyncio.sleep(blow.after)
                group.create_task(self._deal(blow))

    async def _deal(self, blow: Blow) -> None:
        _, deal = _FAULTS[blow.fault]
        done = await deal(self._stage, blow)
        self._stage.report.count("faults" if done else "not possible here", blow.fault)


async def _kill_server(stage: Stage, blow: Blow) -> bool:
    return await _to(stage.servers, blow, lambda process: process.kill(blow.seconds / 4))


async def _kill_worker(stage: Stage, blow: Blow) -> bool:
    return await _to(stage.workers, blow, lambda process: process.kill(blow.seconds / 4))


async def _freeze_server(stage: Stage, blow: Blow) -> bool:
    return await _to(stage.servers, blow, lambda process: process.freeze(blow.seconds))


async def _freeze_worker(stage: Stage, blow: Blow) -> bool:
    return await _to(stage.workers, blow, lambda process: process.freeze(blow.seconds * 2))


async def _fill_disk(stage: Stage, blow: Blow) -> bool:
    if not stage.database.is_file:
        return False
    process = _of(stage.servers, blow)
    async with process.lock:
        return await process.starve(blow.seconds, _DISK)


async def _cut(stage: Stage, blow: Blow) -> bool:
    _of(stage.proxies, blow).cut(Random(blow.share), blow.share)
    return True


async def _refuse(stage: Stage, blow: Blow) -> bool:
    await _of(stage.proxies, blow).refuse(blow.seconds)
    return True


async def _hold_up(stage: Stage, blow: Blow) -> bool:
    await _of(stage.proxies, blow).hold_up(blow.seconds)
    return True


async def _crash_database(stage: Stage, blow: Blow) -> bool:
    return await stage.database.crash()


async def _to(
    processes: Sequence[Kept], blow: Blow, deal: Callable[[Kept], Awaitable[None]]
) -> bool:
    process = _of(processes, blow)
    async with process.lock:
        await deal(process)
    return True


def _of(things: Sequence[T], blow: Blow) -> T:
    return things[int(blow.where * len(things))]


_FAULTS: dict[str, tuple[int, Callable[[Stage, Blow], Awaitable[bool]]]] = {
    "server killed": (3, _kill_server),
    "worker killed": (4, _kill_worker),
    "server frozen": (2, _freeze_server),
    "worker frozen": (3, _freeze_worker),
    "disk full": (2, _fill_disk),
    "connections cut": (4, _cut),
    "connections refused": (2, _refuse),
    "connections held up": (2, _hold_up),
    "database crashed": (1, _crash_database),
}
"""Each fault with its weight in the draw."""
