"""One run: work while things break, let everything end, look at what is left."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Coroutine
from pathlib import Path
from random import Random
from typing import Any, Final, Protocol

from branchline.server.storage import Store
from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.chaos.diary import Diary
from tests.chaos.evidence import Evidence, Remains, Told, remains_of
from tests.chaos.report import Report
from tests.chaos.shapes import Shape
from tests.simulation.activities import Surroundings
from tests.simulation.database import Disk, Faults, SimulatedDatabase
from tests.simulation.host import Host, Site
from tests.simulation.loop import SimulatedClock, SimulatedLoop
from tests.simulation.odds import Odds, draw_odds
from tests.simulation.pollers import Poller
from tests.simulation.server import INCOMING, Server
from tests.simulation.trace import Trace
from tests.simulation.users import Company, User
from tests.simulation.watchers import EventWatcher, Looker, StatusWatcher
from tests.simulation.wire import Wire
from tests.simulation.workers import Worker

_PATIENCE: Final = 120.0
"""Seconds in which all must have ended once nothing goes wrong any more."""
_PAUSE: Final = 0.25
_NOBODY_LOOKS: Final = Path(os.devnull)
_LOOKS: Final = 8
_WATCHED: Final = 0.4
_POLLERS: Final = 0.2


class Scenery(Protocol):
    """What is there before a run."""

    disk: Disk
    leaves: list[Shape]
    shapes: list[Shape]
    lies: float
    servers: int


class Play:
    """A run while it lasts."""

    def __init__(
        self, scenery: Scenery, seed: int, loop: SimulatedLoop, trace: Trace, report: Report
    ) -> None:
        self._scenery = scenery
        self._seed = seed
        self._loop = loop
        self._trace = trace
        self._report = report
        random = self._random("play")
        self._chance = random
        self.odds: Odds = draw_odds(random, scenery.servers)
        trace.note("odds", str(self.odds))
        self._faults = Faults(self._random("faults"), self.odds)
        self._faults.lies = scenery.lies
        self._watchers: dict[str, EventWatcher] = {}
        self._watching: list[asyncio.Task[None]] = []

    def _random(self, of: str) -> Random:
        return Random(f"{self._seed} {of}")

    async def run(self) -> Evidence:
        """Run; what is left afterwards."""
        disk, loop = self._scenery.disk, self._loop
        clock = SimulatedClock(loop)
        disk.now = clock.now
        site = Site(disk, self._faults, self._trace, loop, clock)
        self._hosts = [self._host(site, number) for number in range(self.odds.servers)]
        self._around = Surroundings(clock.now)
        shapes = self._chance.sample(self._scenery.shapes, 3) + self._scenery.leaves[:1]
        self._company = Company(
            shapes, Diary(_NOBODY_LOOKS), self._report, self._around, self._started, self._ended
        )
        self._workers = [self._worker(number) for number in range(self._chance.randint(1, 3))]
        self._statuses = StatusWatcher(self._wire("statuses"), self._report)
        self._go(self._statuses.watch())
        looker = Looker(self._wire("looker"), self._report, self._company.diary.started.keys())
        self._go(looker.look())
        await self._suffer()
        return await self._finish()

    async def _suffer(self) -> None:
        users = [User(f"user-{n}", self._wire(f"user-{n}"), self._company) for n in range(2)]
        working = [self._go(user.work(self._chance.randint(1, 2))) for user in users]
        for _ in range(self.odds.blows):
            await asyncio.sleep(self._chance.uniform(0, 2 * self.odds.trouble / self.odds.blows))
            await self._blow()
        left = self.odds.trouble - self._trace.time
        await asyncio.sleep(max(left, 0))
        self._faults.over = True
        self._faults.out = False
        for host in self._hosts:
            host.thaw()
        self._trace.note("play", "nothing goes wrong any more")
        await self._in_time(working, "everything ends in time")

    async def _blow(self) -> None:
        several = ("freeze", "freeze", "deafen") if len(self._hosts) > 1 else ()
        blows = ("crash", "restart", "outage", "stall", "worker", "worker", *several)
        what = self._chance.choice(blows)
        self._trace.note("play", f"a blow: {what}")
        host = self._chance.choice(self._hosts)
        match what:
            case "crash":
                host.crash()
            case "restart":
                await host.restart()
            case "freeze":
                host.freeze()
                self._loop.call_later(self._chance.uniform(0.2, 8), host.thaw)
            case "deafen":
                host.deafen()
            case "outage":
                self._faults.out = True
                await asyncio.sleep(self._chance.uniform(0.1, 2))
                self._faults.out = False
            case "stall":
                self._loop.stall(self._chance.uniform(0.2, 4))
            case _:
                self._chance.choice(self._workers).suffer()

    async def _finish(self) -> Evidence:
        """Wait for what nobody looks after, and for the watchers; then look."""
        end = self._loop.time() + _PATIENCE
        while self._scenery.disk.live() and self._loop.time() < end:  # noqa: ASYNC110 - simulated time
            await asyncio.sleep(_PAUSE)
        await self._in_time(self._watching, "watches end")
        while not all(host.serves for host in self._hosts):  # noqa: ASYNC110 - simulated time
            await asyncio.sleep(_PAUSE)  # the last crash was a moment ago
        calm = SimulatedDatabase(self._scenery.disk, self._faults, self._loop)
        remains = await remains_of(Store(calm, calm.database_id))
        told = await self._ask(remains, self._hosts[0])
        for host in self._hosts[1:]:
            same = await self._ask(remains, host) == told
            self._report.require(same, "all servers tell the same", host.name)
        while not self._statuses.has_seen_the_end_of(told) and self._loop.time() < end:  # noqa: ASYNC110 - simulated time
            await asyncio.sleep(_PAUSE)
        await self._quit()
        return self._evidence(remains, told)

    async def _in_time(self, tasks: Collection[asyncio.Task[None]], promise: str) -> None:
        if not tasks:
            return
        done, late = await asyncio.wait(tasks, timeout=_PATIENCE)
        for task in late:
            task.cancel()
        self._report.require(not late, promise, f"{len(late)} do not")
        for task in done:
            task.result()

    async def _ask(self, remains: Remains, host: Host) -> dict[str, Told]:
        """What a server's API tells of all executions."""
        services = host.door.services
        told = {}
        for execution in remains.stored:
            get = pb.GetExecutionRequest(
                execution_id=execution, view=execution_pb2.EXECUTION_VIEW_FULL
            )
            info = await services.executions.GetExecution(get, INCOMING)
            events = pb.ListEventsRequest(execution_id=execution, page_size=1_000)
            listed = await services.executions.ListEvents(events, INCOMING)
            told[execution] = Told(info=info.execution, events=list(listed.events))
        return told

    async def _quit(self) -> None:
        """Look into the servers' memory, and stop them in order."""
        await asyncio.sleep(1)
        for host in self._hosts:
            server = host.server
            if server is None or not server.serves:
                self._report.violation("a server stays up", f"there is none: {host.name}")
                continue
            for left in await self._left_in_memory(server):
                self._report.violation("nothing is left in memory", f"{host.name}: {left}")
            async with asyncio.timeout(_PATIENCE):
                await server.stop()

    async def _left_in_memory(self, server: Server) -> list[str]:
        """What stays in memory; several servers always look for tasks of each other."""
        left = server.left_in_memory()
        for _ in range(_LOOKS):
            if left:
                await asyncio.sleep(self._chance.uniform(0.5, 1))
                left = [each for each in server.left_in_memory() if each in left]
        return left

    def _evidence(self, remains: Remains, told: dict[str, Told]) -> Evidence:
        diary, deleted = self._company.diary, self._company.deleted
        for execution in deleted:
            self._report.require(
                execution not in remains.stored, "what was deleted is gone", execution
            )
            diary.started.pop(execution, None)
            self._watchers.pop(execution, None)
        diary.close()
        return Evidence(
            shapes={s.name: s for s in (*self._scenery.leaves, *self._scenery.shapes)},
            diary=diary,
            ledger=[e for e in self._around.ledger if e.execution not in deleted],
            watched={name: watcher.events for name, watcher in self._watchers.items()},
            changes=self._statuses.changes,
            told=told,
            remains=remains,
        )

    def _started(self, execution: str) -> None:
        if execution in self._watchers or self._chance.random() >= _WATCHED:
            return
        wire = self._wire(f"watcher-{len(self._watchers)}")
        watcher = EventWatcher(execution, wire, self._report, self._company.deleted)
        self._watchers[execution] = watcher
        self._watching.append(self._go(watcher.watch()))

    def _ended(self, execution: str) -> None:
        if execution in self._watchers:
            self._watchers[execution].finished = True

    def _worker(self, number: int) -> Worker | Poller:
        name = f"worker-{number}"
        kind = Poller if self._chance.random() < _POLLERS else Worker
        worker = kind(
            name, self._wire(name), self._around, self._report, self._random(f"{name} work")
        )
        self._go(worker.run())
        return worker

    def _host(self, site: Site, number: int) -> Host:
        name, shares = "host", self.odds.servers > 1
        if shares:
            name += f"-{number}"
        host = Host(name, site, self._random(name), shares=shares)
        self._go(host.run())
        return host

    def _wire(self, name: str) -> Wire:
        return Wire(name, self._hosts, self._faults, self._random(name), self._trace)

    def _go(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._loop.create_task(work)
