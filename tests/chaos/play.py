"""One run: set up, break, drain, look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from random import Random

from branchline.client import Client, Execution
from tests.chaos.diary import Diary
from tests.chaos.evidence import Evidence, ask, dig, live
from tests.chaos.ledger import read_ledger
from tests.chaos.options import Options
from tests.chaos.report import Report
from tests.chaos.shapes import draw_leaves, draw_shape
from tests.chaos.stage import Stage, staged
from tests.chaos.users import Surroundings, User
from tests.chaos.villain import Villain, draw_blows
from tests.chaos.watchers import EventWatcher, StatusWatcher

_CLIENTS = 3
_CALL_TIME = 5.0
"""Seconds for which the SDK repeats a call by itself; then it is up to the user."""
_START_TIME = 60.0
"""Seconds in which the servers must have come up."""
_LEAVES = 4
_SHAPES = 40
_WATCHED = 0.25
_PAUSE = 0.2


class Play:
    """What a run is made of while it lasts."""

    def __init__(self, options: Options, folder: Path, report: Report) -> None:
        self._options = options
        self._folder = folder
        self._report = report
        random = self._random("shapes")
        self._leaves = draw_leaves(random, _LEAVES)
        self._shapes = [draw_shape(random, f"shape-{n}", self._leaves) for n in range(_SHAPES)]
        self._diary = Diary(folder / "diary.jsonl")
        self._watchers: dict[str, EventWatcher] = {}
        self._watching: list[asyncio.Task[None]] = []

    def _random(self, of: str) -> Random:
        return Random(f"{self._options.seed} {of}")

    async def run(self) -> Evidence:
        """Run; what is left afterwards. Calls that went wrong are in the report already."""
        with closing(self._diary):
            return await self._run()

    async def _run(self) -> Evidence:
        async with staged(self._options, self._folder, self._report) as stage:
            async with _clients(stage) as clients:
                await self._register(stage.to_users[0].address)
                statuses = StatusWatcher(clients[-1], self._random("statuses"), self._report)
                watching_all = asyncio.create_task(statuses.watch())
                try:
                    await self._suffer(stage, clients)
                    await self._finish(stage)
                    told = await ask(stage.to_users[0].address)
                    await self._catch_up(statuses, told)
                finally:
                    for task in (watching_all, *self._watching):
                        task.cancel()
                    await asyncio.gather(watching_all, *self._watching, return_exceptions=True)
            await stage.stop()
            stage.check_logs()
            remains = await dig(stage.database.url)
        return Evidence(
            shapes={shape.name: shape for shape in (*self._leaves, *self._shapes)},
            diary=self._diary,
            ledger=read_ledger(self._folder / "ledger.jsonl"),
            watched={name: watcher.events for name, watcher in self._watchers.items()},
            changes=statuses.changes,
            told=told,
            remains=remains,
        )

    async def _register(self, address: str) -> None:
        async with Client(address, timeout=_START_TIME) as client:
            for shape in (*self._leaves, *self._shapes):
                await client.register(shape.definition)

    async def _suffer(self, stage: Stage, clients: Sequence[Client]) -> None:
        """Let users work while things break, and then until all is done."""
        until = asyncio.get_running_loop().time() + self._options.seconds
        around = Surroundings(
            self._shapes,
            self._diary,
            self._report,
            self._folder / "mended",
            lambda run: self._started(run, stage),
            self._ended,
        )
        names = [f"user-{number}" for number in range(self._options.users)]
        users = [
            User(name, clients[number % len(clients)], self._random(name), around)
            for number, name in enumerate(names)
        ]
        working = [asyncio.create_task(user.work(until)) for user in users]
        villain = Villain(stage, draw_blows(self._random("villain"), self._options.seconds))
        try:
            await villain.rage()
            done, late = await asyncio.wait(
                working,
                timeout=max(until - asyncio.get_running_loop().time(), 0) + self._options.drain,
            )
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
        for task in done:
            task.result()
        self._report.require(not late, "everything ends in time", f"{len(late)} users wait")

    async def _finish(self, stage: Stage) -> None:
        """Wait for what nobody looks after, and for the watchers."""
        clock = asyncio.get_running_loop().time
        end = clock() + self._options.drain
        address = stage.to_users[0].address
        left = await live(address)
        while left and clock() < end:
            await asyncio.sleep(_PAUSE)
            left = await live(address)
        self._report.require(not left, "everything ends in time", str(left))
        if self._watching:
            _, late = await asyncio.wait(self._watching, timeout=max(end - clock(), 1))
            self._report.require(not late, "watches end", f"{len(late)} do not")

    async def _catch_up(self, statuses: StatusWatcher, told: Collection[str]) -> None:
        try:
            await asyncio.wait_for(statuses.until_closed(told), self._options.drain)
        except TimeoutError:
            self._report.violation("watches end", "the one of all executions misses an end")

    def _started(self, run: Execution, stage: Stage) -> None:
        random = self._random(f"watcher of {len(self._diary.started)}")
        if run.id in self._watchers or random.random() >= _WATCHED:
            return
        addresses = [proxy.address for proxy in stage.to_users]
        watcher = self._watchers[run.id] = EventWatcher(run.id, addresses, random, self._report)
        self._watching.append(asyncio.create_task(watcher.watch()))

    def _ended(self, run: Execution) -> None:
        if run.id in self._watchers:
            self._watchers[run.id].finished.set()


@asynccontextmanager
async def _clients(stage: Stage) -> AsyncIterator[list[Client]]:
    """Clients, spread over the servers."""
    async with AsyncExitStack() as stack:
        proxies = stage.to_users
        yield [
            await stack.enter_async_context(
                Client(proxies[number % len(proxies)].address, timeout=_CALL_TIME)
            )
            for number in range(_CLIENTS)
        ]
