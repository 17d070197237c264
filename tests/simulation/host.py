"""The machine that the server runs on: it starts it again whenever it has ended."""

from __future__ import annotations

import asyncio
from random import Random

from branchline.server.storage import StoreError
from tests.simulation.database import Disk, Faults, SimulatedDatabase
from tests.simulation.loop import SimulatedClock, SimulatedLoop
from tests.simulation.server import Broken, Door, Server
from tests.simulation.trace import Trace

_LONGEST_PAUSE = 1.5
_RETRY = 0.2


class Host:
    """Keeps a server up; ends it when it is told to."""

    def __init__(
        self, disk: Disk, faults: Faults, random: Random, trace: Trace, loop: SimulatedLoop
    ) -> None:
        self.clock = SimulatedClock(loop)
        self.server: Server | None = None
        """The one that runs, also when it does not serve yet, or not any more."""
        self._disk = disk
        self._faults = faults
        self._random = random
        self._trace = trace
        self._loop = loop
        self._ended = asyncio.Event()
        self._quitting = False
        faults.crash = self.crash

    @property
    def door(self) -> Door:
        """Where calls go. Raises ``Broken`` when no server serves."""
        door = None if self.server is None else self.server.door
        if door is None or not door.open:
            raise Broken("nobody serves")
        return door

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
            self._trace.note("host", "the server crashes")
            self.server.die()
            self.server = None
            self._ended.set()

    async def restart(self) -> None:
        """Stop the server in order; another comes up."""
        server = self.server
        if server is None or not server.serves:
            return
        self._trace.note("host", "the server is stopped")
        await server.stop()
        if self.server is server:
            server.die()
            self.server = None
            self._ended.set()

    async def _start(self) -> bool:
        database = SimulatedDatabase(self._disk, self._faults, self._loop)
        server = self.server = Server(database, self.clock, self._faults.odds)
        starting = asyncio.create_task(server.start())
        server.starting = starting
        await asyncio.wait([starting])
        if starting.cancelled():
            return True  # it has crashed: that is told
        error = starting.exception()
        if error is None:
            server.failed.add_done_callback(lambda _: self.crash())
            self._trace.note("host", "a server is up")
            return True
        if not isinstance(error, StoreError):
            raise error
        self._trace.note("host", f"no server could be started: {error}")
        server.die()
        self.server = None
        return False
