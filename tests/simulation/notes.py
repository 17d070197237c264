"""Notes from each server to all: in order, each after a delay, and lost with a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.simulation.database import Faults
from tests.simulation.loop import OUTSIDE

_TICK = 1e-6


class Ear:
    """A connection that listens."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._loop = asyncio.get_running_loop()
        self._last = 0.0
        self._notes: asyncio.Queue[str | None] = asyncio.Queue()

    async def hear(self) -> str | None:
        """The next note; None when the connection is found to be lost."""
        return await self._notes.get()

    def send(self, note: str | None, delay: float) -> None:
        """Let something arrive after a while, behind all that was sent before."""
        self._last = max(self._last + _TICK, self._loop.time() + delay)
        self._loop.call_at(self._last, self._notes.put_nowait, note, context=OUTSIDE)


class Board:
    """Where notes are sent from when the commits that they belong to are stored."""

    def __init__(self) -> None:
        self._ears: dict[Ear, None] = {}

    def add(self, faults: Faults) -> Ear:
        """Listen from now on."""
        ear = Ear(faults)
        self._ears[ear] = None
        return ear

    def remove(self, ear: Ear, unnoticed: float) -> None:
        """Listen no more; whoever listened finds out after so many seconds."""
        if ear in self._ears:
            del self._ears[ear]
            ear.send(None, unnoticed)

    def post(self, notes: Sequence[str]) -> None:
        """Send notes to all who listen."""
        for ear in list(self._ears) if notes else ():
            faults = ear.faults
            if faults.deafens():
                self.remove(ear, faults.random.uniform(0, 5))
                continue
            for note in notes:
                ear.send(note, faults.time())
