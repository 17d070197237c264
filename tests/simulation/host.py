"""A machine that a server runs on: it starts it again whenever it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from random import Random
from typing import Final

from branchline.server.storage import StoreError
from tests.simulation.database import Disk, Faults, SimulatedDatabase
from tests.simulation.loop import MACHINE, SimulatedClock, SimulatedLoop
from tests.simulation.notes import Board
from tests.simulation.server import Broken, Door, Server
from tests.simulation.shared import SharedDatabase
from tests.simulation.trace import Trace

_LONGEST_PAUSE: Final = 1.5
_RETRY: Final = 0.2
_HALF_OPEN: Final = 6.0
"""Seconds after which callers give up a server that stands still at the latest."""


@dataclass(frozen=True, slots=True)
class Site:
    """What all machines share."""

    disk: Disk
    faults: Faults
    trace: Trace
    loop: SimulatedLoop
    clock: SimulatedClock
    board: Board = field(default_factory=Board)


class Host:
    """Keeps a server up; ends it when it is told to."""

    def __init__(self, name: str, site: Site, random: Random, *, shares: bool = False) -> None:
        """``shares``: there are other servers on the same database."""
        self.name = name
        self.server: Server | None = None
        """The one that runs, also when it does not serve yet, or not any more."""
        self._streams: dict[asyncio.Task[None], Callable[[], None]] = {}
        """The streams that were opened here, and how those who opened them give them up."""
        self._site = site
        self._shares = shares
        self._random = random
        self._ended = asyncio.Event()
        self._context = copy_context()

    @property
    def door(self) -> Door:
        """Where calls go. Raises ``Broken`` when no server serves."""
        door = None if self.server is None else self.server.door
        if door is None or not door.open:
            raise Broken("nobody serves")
        return door

    @property
    def serves(self) -> bool:
        """Whether calls are taken."""
        return self.server is not None and self.server.serves

    def opened(self, stream: asyncio.Task[None], lose: Callable[[], None]) -> None:
        """Somebody has opened a stream; ``lose`` gives it up from that side."""
        self._streams[stream] = lose
        stream.add_done_callback(lambda stream: self._streams.pop(stream, None))

    async def run(self) -> None:
        """Keep a server up until cancelled."""
        while True:
            self._ended.clear()
            if await self._start():
                await self._ended.wait()
                await asyncio.sleep(self._random.uniform(0, _LONGEST_PAUSE))
            else:
                await asyncio.sleep(_RETRY)

    def crash(self) -> None:
        """End the server at whatever it is."""
        if self.server is not None:
            self._note("the server crashes")
            self._end(self.server)

    async def restart(self) -> None:
        """Stop the server in order; another comes up."""
        server = self.server
        if server is None or not server.serves:
            return
        self._note("the server is stopped")
        stopping = asyncio.create_task(server.stop(), context=self._context.copy())
        await asyncio.wait([stopping])
        if not stopping.cancelled():
            stopping.result()
        if self.server is server:
            self._end(server)

    def freeze(self) -> None:
        """Let the server stand still; those who have streams lose patience in the end."""
        server = self.server
        if server is None:
            return
        self._note("the server stands still")
        loop = self._site.loop
        loop.freeze(server)
        for stream, lose in list(self._streams.items()):
            delay = self._random.uniform(0, _HALF_OPEN)
            loop.call_later(delay, self._lose, server, stream, lose)

    def thaw(self) -> None:
        """Let the server go on, if it stands still."""
        if self.server is not None and self._site.loop.is_frozen(self.server):
            self._note("the server goes on")
            self._site.loop.thaw(self.server)

    def deafen(self) -> None:
        """Cut the server's connection for notes."""
        server = self.server
        if server is not None and isinstance(server.database, SharedDatabase):
            self._note("notes are lost")
            server.database.link.deafen()

    def _lose(self, server: Server, stream: asyncio.Task[None], lose: Callable[[], None]) -> None:
        if self._site.loop.is_frozen(server) and not stream.done():
            lose()

    def _end(self, server: Server) -> None:
        self._site.loop.thaw(server)
        server.die()
        self.server = None
        self._ended.set()

    async def _start(self) -> bool:
        site = self._site
        context = self._context = copy_context()
        server = self.server = context.run(self._make)
        context.run(MACHINE.set, server)
        starting = asyncio.create_task(server.start(), context=context.copy())
        server.starting = starting
        await asyncio.wait([starting])
        if starting.cancelled():
            return True  # it has crashed: that is told
        error = starting.exception()
        if error is None:
            server.failed.add_done_callback(lambda _: self.crash())
            self._note("a server is up")
            return True
        if not isinstance(error, StoreError):
            raise error
        self._note(f"no server could be started: {error}")
        site.loop.thaw(server)
        server.die()
        self.server = None
        return False

    def _make(self) -> Server:
        site = self._site
        odds = site.faults.odds
        clock = site.clock
        database: SimulatedDatabase | SharedDatabase
        if self._shares:
            clock = clock.skewed(self._random.randint(-odds.skew, odds.skew))
            database = SharedDatabase(site.disk, site.board, site.faults, self.crash)
        else:
            database = SimulatedDatabase(site.disk, site.faults, site.loop, self.crash)
        return Server(database, clock, odds)

    def _note(self, what: str) -> None:
        self._site.trace.note(self.name, what)
