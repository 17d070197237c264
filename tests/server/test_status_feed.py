"""The feed of status changes and what a watcher makes of it (semantics 12.3)."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from itertools import count
from pathlib import Path
from typing import cast

import pytest

from branchline.server.errors import Reason, ServiceError
from branchline.server.status_feed import StatusFeed
from branchline.server.status_retention import StatusRetention
from branchline.server.status_watching import StatusNews, watch_statuses
from branchline.server.statuses import ALL_STATUSES
from branchline.server.storage import (
    Batch,
    ExecutionChange,
    ExecutionFilter,
    ExecutionRow,
    StatusChange,
    Store,
)
from tests.server.clocks import START, HandClock
from tests.server.door import Door

RUNNING, SUSPENDED, COMPLETED = 1, 2, 4
ALL = ExecutionFilter(statuses=ALL_STATUSES)
Told = tuple[str, int]


class World:
    """Executions that start and change, and all that was ever told of them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.log: list[tuple[int, Told]] = []
        """Each change with its position."""
        self.statuses: dict[int, int] = {}
        self._positions = count(2)
        self._random = random.Random(7)

    async def change(self, *changes: tuple[int, int]) -> int:
        """Store changes together, starting what is not there yet; the position."""
        position = next(self._positions)
        batch = Batch(time=START + position)
        for key, status in changes:
            if key not in self.statuses:
                workflow = "odd" if key % 2 else "even"
                batch.started.append(ExecutionRow(key, f"e{key}", workflow, 1, status, START))
            batch.changed.append(ExecutionChange(key, status))
            batch.status_changes.append(StatusChange(key, status))
            self.statuses[key] = status
            self.log.append((position, (f"e{key}", status)))
        await self.store.commit(batch)
        return position

    async def wander(self, commits: int, keys: int = 40) -> None:
        """Change by chance."""
        for _ in range(commits):
            pairs = [
                (self._random.randint(1, keys), self._random.choice(ALL_STATUSES))
                for _ in range(self._random.randint(1, 4))
            ]
            await self.change(*pairs)

    def after(self, position: int, passes: Callable[[Told], bool] = lambda _: True) -> list[Told]:
        """What was told after a position."""
        return [told for at, told in self.log if at > position and passes(told)]


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite:///{path}")
    yield store
    await store.close()


@pytest.fixture
def feed(store: Store) -> StatusFeed:
    return StatusFeed(store)


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


class Reader:
    """One watcher, asked for its news by hand."""

    def __init__(
        self,
        world: World,
        feed: StatusFeed,
        after: int = 0,
        wanted: ExecutionFilter = ALL,
        quiet: float = 1_000,
    ) -> None:
        self._news = cast(
            "AsyncGenerator[StatusNews]", watch_statuses(world.store, feed, wanted, after, quiet)
        )
        self.told: list[Told] = []
        self.present: list[Told] = []
        self.position = after

    async def next(self) -> StatusNews:
        """The next news."""
        news = await asyncio.wait_for(anext(self._news), 20)
        for execution, status, time in news.statuses:
            (self.present if time is None else self.told).append((execution.id, status))
        self.position = news.position
        return news

    async def until(self, position: int) -> None:
        """Read on to a position."""
        while self.position < position:
            await self.next()

    async def close(self) -> None:
        await self._news.aclose()


async def test_resuming_from_any_position_gives_exactly_the_rest(
    world: World, feed: StatusFeed
) -> None:
    await world.wander(60)
    live = Reader(world, feed, 1)
    await live.until(61)
    assert live.told == world.after(1)
    for position in range(1, 61):
        reader = Reader(world, feed, position)
        await reader.until(61)
        assert reader.told == world.after(position)
        await reader.close()
    await live.close()


async def test_changes_are_told_as_they_happen_and_split_anywhere(
    world: World, feed: StatusFeed
) -> None:
    chance = random.Random(3)
    readers = [Reader(world, feed, 1) for _ in range(5)]
    for _ in range(40):
        await world.wander(chance.randint(1, 6))
        last = world.log[-1][0]
        await asyncio.gather(*(r.until(last) for r in chance.sample(readers, 3)))
        chosen = chance.randrange(5)
        position, told = readers[chosen].position, readers[chosen].told
        await readers[chosen].close()
        readers[chosen] = Reader(world, feed, position)
        readers[chosen].told = told
    last = world.log[-1][0]
    await asyncio.gather(*(reader.until(last) for reader in readers))
    assert all(reader.told == world.after(1) for reader in readers)
    for reader in readers:
        await reader.close()


async def test_each_execution_is_told_as_it_stands_and_then_every_change_once(
    world: World, feed: StatusFeed
) -> None:
    keys = 1_300
    await world.change(*((key, RUNNING) for key in range(1, keys + 1)))
    reader = Reader(world, feed)
    chance = random.Random(5)
    while not reader.position:
        await reader.next()
        await world.change(*((chance.randint(1, keys + 50), SUSPENDED) for _ in range(400)))
        await world.change(*((chance.randint(1, keys + 50), COMPLETED) for _ in range(400)))
    await reader.until(world.log[-1][0])
    present = [name for name, _ in reader.present]
    assert present == sorted(set(present), key=lambda name: -int(name[1:]))
    assert len(present) >= keys
    seen: dict[str, list[int]] = defaultdict(list)
    for name, status in (*reader.present, *reader.told):
        seen[name].append(status)
    happened: dict[str, list[int]] = defaultdict(list)
    for _, (name, status) in world.log:
        happened[name].append(status)
    assert seen.keys() == happened.keys()
    for name, statuses in seen.items():
        assert statuses == happened[name][-len(statuses) :]
    await reader.close()


async def test_present_statuses_have_no_position_and_then_there_is_one(
    world: World, feed: StatusFeed
) -> None:
    await world.change((1, RUNNING), (2, SUSPENDED))
    reader = Reader(world, feed)
    first = await reader.next()
    assert (first.position, reader.present) == (0, [("e2", SUSPENDED), ("e1", RUNNING)])
    assert await reader.next() == StatusNews([], 2)
    await world.change((1, COMPLETED))
    assert (await reader.next()).position == 3
    assert reader.told == [("e1", COMPLETED)]
    await reader.close()


async def test_where_nothing_has_happened_there_is_a_position_too(
    world: World, feed: StatusFeed
) -> None:
    reader = Reader(world, feed)
    assert await reader.next() == StatusNews([], 1)
    resumed = Reader(world, feed, 1)
    await world.change((1, RUNNING))
    await resumed.until(2)
    assert resumed.told == [("e1", RUNNING)]
    await reader.close()
    await resumed.close()


async def test_only_what_passes_the_filter_is_told(world: World, feed: StatusFeed) -> None:
    await world.wander(20)
    wanted = ExecutionFilter(statuses=(RUNNING, COMPLETED), workflow="odd")

    def passes(told: Told) -> bool:
        return int(told[0][1:]) % 2 == 1 and told[1] in wanted.statuses

    reader = Reader(world, feed, 1, wanted, quiet=0)
    await world.wander(20)
    await reader.until(41)
    assert reader.told == world.after(1, passes)
    await reader.close()


async def test_a_watcher_without_changes_learns_how_far_it_is_now_and_then(
    world: World, feed: StatusFeed
) -> None:
    even = ExecutionFilter(statuses=ALL_STATUSES, workflow="even")
    patient = Reader(world, feed, 1, even)
    hasty = Reader(world, feed, 1, even, quiet=0)
    await world.change((1, RUNNING))
    assert await hasty.next() == StatusNews([], 2)
    for _ in range(1_000):
        await world.change((1, SUSPENDED))
    news = await patient.next()
    assert news.statuses == []
    assert news.position >= 1_001
    await patient.close()
    await hasty.close()


async def test_a_position_ahead_is_refused(world: World, feed: StatusFeed) -> None:
    await world.change((1, RUNNING))
    keeping_up = Reader(world, feed, 1)
    await keeping_up.next()
    for position in (3, 1_000):
        with pytest.raises(ServiceError) as raised:
            await Reader(world, feed, position).next()
        assert raised.value.reason is Reason.POSITION_OUT_OF_RANGE
    await keeping_up.close()


async def test_changes_that_were_removed_cannot_be_gone_on_from(
    world: World, feed: StatusFeed, clock: HandClock
) -> None:
    await world.wander(700)
    last = world.log[-1][0]
    retention = StatusRetention(world.store, clock, 60)
    assert await retention.run_once() == 0
    clock.move(61)
    assert await retention.run_once() == 699
    with pytest.raises(ServiceError) as raised:
        await Reader(world, feed, 5).next()
    assert raised.value.reason is Reason.POSITION_OUT_OF_RANGE
    reader = Reader(world, feed, last - 1)
    await reader.next()
    assert reader.told == world.after(last - 1)
    await reader.close()


async def test_a_reader_that_fell_behind_what_is_kept_is_told_so(
    world: World, store: Store, feed: StatusFeed, clock: HandClock
) -> None:
    slow = Reader(world, feed, 1)
    await world.change((1, RUNNING))
    await slow.next()
    await world.wander(20)
    clock.move(61)
    await StatusRetention(store, clock, 60).run_once()
    with pytest.raises(ServiceError) as raised:
        await slow.next()
    assert raised.value.reason is Reason.POSITION_OUT_OF_RANGE
    fresh = Reader(world, feed)
    await fresh.until(22)
    assert dict(fresh.present) == {f"e{key}": status for key, status in world.statuses.items()}
    await slow.close()
    await fresh.close()


async def test_a_slow_reader_holds_nobody_up_and_misses_nothing(
    world: World, feed: StatusFeed
) -> None:
    slow, quick = Reader(world, feed, 1), Reader(world, feed, 1)
    await world.change((1, RUNNING))
    await slow.next()
    for _ in range(30):
        await world.change(*((key, SUSPENDED) for key in range(1, 1_001)))
        await quick.until(world.log[-1][0])
    assert quick.told == world.after(1)
    biggest = 0
    while slow.position < quick.position:
        biggest = max(biggest, len((await slow.next()).statuses))
    assert slow.told == world.after(1)
    assert biggest <= 12_000
    await slow.close()
    await quick.close()


async def test_a_thousand_watchers_read_the_database_once(
    world: World, feed: StatusFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.change((1, RUNNING))
    readers = [Reader(world, feed, 1) for _ in range(1_000)]
    await asyncio.gather(*(reader.next() for reader in readers))
    reads = 0
    real = Store.status_changes

    async def counted(store: Store, *arguments: int) -> object:
        nonlocal reads
        reads += 1
        return await real(store, *arguments)

    monkeypatch.setattr(Store, "status_changes", counted)
    for status in (SUSPENDED, RUNNING, COMPLETED):
        position = await world.change((1, status))
        await asyncio.gather(*(reader.until(position) for reader in readers))
    assert all(reader.told == world.after(1) for reader in readers)
    assert reads <= 6
    await asyncio.gather(*(reader.close() for reader in readers))


async def test_while_nobody_watches_nothing_is_read(
    world: World, feed: StatusFeed, door: Callable[[str], Door]
) -> None:
    reader = Reader(world, feed, 1)
    await world.change((1, RUNNING))
    await reader.until(2)
    await reader.close()
    shut = door("status_changes")
    shut.shut()
    await world.wander(5)
    assert not shut.knocked.is_set()


async def test_a_read_that_fails_fails_its_watcher_and_not_the_feed(
    world: World, feed: StatusFeed, door: Callable[[str], Door]
) -> None:
    await world.change((1, RUNNING))
    reads = door("status_changes")
    unlucky, lucky = Reader(world, feed, 1), Reader(world, feed, 1)
    await unlucky.next()
    await lucky.next()
    reads.fail(1)
    await world.change((1, COMPLETED))
    with pytest.raises(ServiceError) as raised:
        await unlucky.next()
    assert raised.value.reason is Reason.STORE_UNAVAILABLE
    await lucky.until(3)
    assert lucky.told == world.after(1)
    await lucky.close()


async def test_a_server_that_goes_down_ends_its_watchers(world: World, feed: StatusFeed) -> None:
    await world.change((1, RUNNING))
    reader = Reader(world, feed, 2)
    async with aclosing(reader._news):  # noqa: SLF001 - the reader is this test's own
        waiting = asyncio.create_task(reader.next())
        await world.store.present_statuses(ALL, limit=1)
        feed.close()
        with pytest.raises(ServiceError) as raised:
            await waiting
    assert raised.value.reason is Reason.SHUTTING_DOWN
