"""Due times: kept in memory for a while ahead, read from the database when they come near."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from branchline.server import timers
from branchline.server.storage import Batch, ExecutionChange, ExecutionRow, Store
from branchline.server.timers import HORIZON, Timers
from tests.server.clocks import START, HandClock
from tests.server.door import Door

SECOND = 1_000_000
RUNNING, COMPLETED = 1, 4


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    """An empty store."""
    store = await Store.open(f"sqlite:///{path}")
    yield store
    await store.close()


class Timed:
    """Timers on a store, and whom they have woken."""

    def __init__(self, store: Store, clock: HandClock) -> None:
        self.clock = clock
        self.store = store
        self.woken: list[str] = []
        self.timers = Timers(store, clock, self.woken.append)

    async def sleepers(self, *dues: int) -> None:
        """Store executions of which something is due so many microseconds from now."""
        now = self.clock.now()
        rows = [
            ExecutionRow(now + n, f"e{n}", "flow", 1, RUNNING, now, wake_at=now + due)
            for n, due in enumerate(dues)
        ]
        await self.store.commit(Batch(started=rows))

    async def after(self, seconds: float) -> list[str]:
        """Whom the timers wake when time has passed."""
        self.clock.move(seconds)
        self.woken.clear()
        await self.timers.run_once()
        return sorted(self.woken)


@pytest.fixture
def timed(store: Store, clock: HandClock) -> Timed:
    """Timers without anything due."""
    return Timed(store, clock)


async def test_what_is_due_is_woken_and_nothing_else(timed: Timed) -> None:
    await timed.sleepers(-5 * SECOND, 2 * SECOND)
    assert await timed.after(0) == ["e0"]
    assert await timed.after(1.9) == []
    assert await timed.after(0.1) == ["e1"]


async def test_what_lies_far_ahead_is_read_when_it_comes_near(timed: Timed) -> None:
    await timed.sleepers(2 * HORIZON)
    assert await timed.after(0) == []
    seconds = 0
    while await timed.after(1) == []:
        seconds += 1
        assert seconds < 120
    assert seconds + 1 == 120


async def test_a_due_time_that_was_just_stored_is_noted(timed: Timed) -> None:
    await timed.after(0)
    await timed.sleepers(SECOND)
    timed.timers.schedule(START + SECOND, "e0")
    assert await timed.after(1) == ["e0"]


async def test_a_due_time_that_is_stored_while_the_database_is_read_is_noted(
    timed: Timed, door: Callable[[str], Door]
) -> None:
    slow = door("due")
    slow.shut()
    reading = asyncio.create_task(timed.timers.run_once())
    await slow.knocked.wait()
    # The answer is on its way and does not have this one.
    timed.timers.schedule(START + SECOND, "late")
    slow.let_in()
    await reading
    assert await timed.after(1) == ["late"]


async def test_more_than_a_page_is_woken_in_turns(
    timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("branchline.server.timers._PAGE", 3)
    await timed.sleepers(*(n * SECOND for n in range(8)))
    woken = []
    for _ in range(12):
        for execution_id in await timed.after(1):
            woken.append(execution_id)
            key = START + int(execution_id[1:])
            await timed.store.commit(Batch(changed=[ExecutionChange(key, COMPLETED)]))
    assert woken == [f"e{n}" for n in range(8)]


async def test_overdue_executions_that_cannot_be_woken_do_not_hide_the_others(
    timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("branchline.server.timers._PAGE", 3)
    await timed.sleepers(*[-SECOND] * 7, 0)
    woken: list[str] = []
    for _ in range(4):
        woken += await timed.after(1)
    assert woken == [f"e{n}" for n in range(8)]


async def test_overdue_executions_are_woken_again_by_the_next_pass(
    timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("branchline.server.timers._PAGE", 3)
    await timed.sleepers(*[-SECOND] * 4)
    for _ in range(2):
        await timed.after(1)
    assert await timed.after(HORIZON / SECOND) == ["e0", "e1", "e2"]
    assert await timed.after(1) == ["e3"]


async def test_what_was_read_before_outlasts_the_next_page(
    timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("branchline.server.timers._PAGE", 3)
    await timed.sleepers(-SECOND, 10 * SECOND, 10 * SECOND, 10 * SECOND, 20 * SECOND)
    assert await timed.after(0) == ["e0"]
    timed.timers.again("again")
    assert await timed.after(10) == ["again", "e1", "e2", "e3"]
    assert await timed.after(10) == ["e4"]


async def test_what_has_ended_is_forgotten_by_the_next_pass(timed: Timed) -> None:
    await timed.sleepers(40 * SECOND)
    await timed.after(0)
    await timed.store.commit(Batch(changed=[ExecutionChange(START, COMPLETED)]))
    await timed.after(30)
    assert await timed.after(10) == []


async def test_a_failing_database_is_asked_again_and_nothing_known_is_forgotten(
    timed: Timed, door: Callable[[str], Door]
) -> None:
    await timed.sleepers(40 * SECOND)
    await timed.after(0)
    broken = door("due")
    broken.fail(5)
    assert await timed.after(39) == []
    assert await timed.after(1) == ["e0"]
    assert broken.failing
    for _ in range(4):
        await timed.after(1)
    assert not broken.failing


async def test_what_could_not_be_stored_is_tried_again(timed: Timed) -> None:
    await timed.after(0)
    timed.timers.again("e0")
    assert await timed.after(0.5) == []
    assert await timed.after(0.5) == ["e0"]


async def test_the_loop_wakes_for_what_comes_before_all_it_knew(timed: Timed) -> None:
    woken: asyncio.Queue[str] = asyncio.Queue()
    await timed.sleepers(0)
    timers = Timers(timed.store, timed.clock, woken.put_nowait)
    running = asyncio.create_task(timers.run())
    assert await asyncio.wait_for(woken.get(), 10) == "e0"
    await asyncio.sleep(0)
    timers.schedule(START, "e1")
    assert await asyncio.wait_for(woken.get(), 10) == "e1"
    running.cancel()
    await asyncio.wait([running])


async def test_what_falls_due_while_the_machine_sleeps_is_woken_soon_after(
    timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop's own timers count nothing of that time."""
    monkeypatch.setattr(timers, "_LONGEST_PAUSE", 0.05)
    await timed.sleepers(1800 * SECOND)
    woken = asyncio.Event()
    slept = Timers(timed.store, timed.clock, lambda _id: woken.set())
    running = asyncio.create_task(slept.run())
    await asyncio.sleep(0.1)  # the loop has come to its first pause
    timed.clock.move(3600)
    await asyncio.wait_for(woken.wait(), 5)
    running.cancel()
    await asyncio.wait([running])
