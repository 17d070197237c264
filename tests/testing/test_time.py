"""Time moves only when nothing else can happen, and then to the next thing that is due."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from branchline.testing import Rehearsal, fails, hangs, returns, takes
from tests.testing.flows import flow, rehearse, work

RETRY = {"max_retries": 5, "base_delay": "30m", "backoff_rate": 2}


def test_retries_over_hours_take_milliseconds() -> None:
    """The delays are 30 minutes, an hour and two hours, to the microsecond."""
    began = time.perf_counter()
    rehearsal, run = rehearse(
        work(retry=[RETRY]),
        outputs=[{"name": "work"}],
        activities={"work": [fails("busy"), fails("busy"), fails("busy"), returns(7)]},
    )
    rehearsal.run()
    assert run.expect_completed() == {"work": 7}
    assert run.elapsed == timedelta(hours=3, minutes=30)
    started = [attempt.started - rehearsal.attempts()[0].started for attempt in run.attempts()]
    assert started == [timedelta(minutes=minutes) for minutes in (0, 30, 90, 210)]
    assert time.perf_counter() - began < 10


def test_no_time_passes_by_itself() -> None:
    rehearsal, run = rehearse(work(retry=[RETRY]), activities={"work": fails("busy")})
    assert rehearsal.now == datetime(2026, 1, 1, tzinfo=UTC)
    assert rehearsal.next_due == rehearsal.now + timedelta(minutes=30)
    assert run.elapsed == timedelta()
    assert len(run.calls("work")) == 1


def test_no_time_passes_for_what_no_longer_matters() -> None:
    """Time limits of what has ended, and waits that are over."""
    listen = {"name": "listen", "wait_signal": {"topic": "bell", "timeout": "1h"}}
    for first in (work(timeout="2h"), listen):
        rehearsal, run = rehearse(
            {**first, "next": "last"},
            work("last"),
            activities={"work": takes(60), "last": returns()},
        )
        rehearsal.advance(60)
        if run.status == "SUSPENDED":
            run.signal("bell")
        rehearsal.run()
        run.expect_completed()
        assert rehearsal.now == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


def test_a_stretch_of_time_ends_where_it_was_meant_to() -> None:
    """What is due at its very end happens in it, what is due later does not."""
    rehearsal, run = rehearse(work(retry=[RETRY]), activities={"work": fails("busy")})
    rehearsal.advance(minutes=29, seconds=59.999999)
    assert len(run.calls("work")) == 1
    rehearsal.advance(timedelta(microseconds=1))
    assert len(run.calls("work")) == 2
    rehearsal.advance(minutes=10)
    assert run.elapsed == timedelta(minutes=40)


def test_time_does_not_go_back() -> None:
    rehearsal, _ = rehearse(work(), activities={"work": returns()})
    with pytest.raises(ValueError, match="forward"):
        rehearsal.advance(-1)


def test_a_wait_for_a_condition_ends_where_it_holds() -> None:
    rehearsal, run = rehearse(work(retry=[RETRY]), activities={"work": fails("busy")})
    rehearsal.run_until(lambda: len(run.calls("work")) == 3)
    assert run.elapsed == timedelta(minutes=90)


@pytest.mark.parametrize("within", [None, 60.0])
def test_a_wait_for_what_never_comes_fails(within: float | None) -> None:
    """When nothing happens any more, or after the time that it was given."""
    rehearsal, run = rehearse(work(), activities={"work": takes(hours=1)})
    with pytest.raises(AssertionError, match="does not hold"):
        rehearsal.run_until(lambda: run.status == "FAILED", within)
    assert run.elapsed == timedelta(hours=1 if within is None else 0, seconds=within or 0)


def test_a_workflow_that_goes_round_for_ever_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("branchline.testing.mover.MOST_MOMENTS", 50)
    rehearsal, run = rehearse(
        {"name": "nap", "sleep": {"duration": "1h"}, "next": "nap"}, activities={}
    )
    with pytest.raises(AssertionError, match="advance"):
        rehearsal.run()
    rehearsal.advance(hours=1)
    assert run.status == "SUSPENDED"


def test_activities_sleep_in_the_same_time() -> None:
    """Side by side too: the shorter one ends first, and all end on whole microseconds."""
    ended: list[tuple[str, timedelta]] = []

    async def bake(bread: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        ended.append((bread, rehearsal.now - datetime(2026, 1, 1, tzinfo=UTC)))

    breads = [{"bread": "rye", "seconds": 0.3}, {"bread": "bun", "seconds": 0.1}]
    rehearsal, run = rehearse(
        work(
            "bake",
            each={"items": breads, "as": "one"},
            parameters={"bread": "${state.one.bread}", "seconds": "${state.one.seconds}"},
        ),
        activities={"bake": bake},
    )
    rehearsal.run()
    run.expect_completed()
    assert ended == [
        ("bun", timedelta(milliseconds=100)),
        ("rye", timedelta(milliseconds=300)),
    ]


def test_time_limits_within_an_activity_are_of_the_same_time() -> None:
    async def patient() -> str:
        try:
            async with asyncio.timeout(3600):
                await asyncio.sleep(7200)
        except TimeoutError:
            return "too late"
        return "done"

    rehearsal, run = rehearse(work(), outputs=[{"name": "work"}], activities={"work": patient})
    rehearsal.run()
    assert run.expect_completed() == {"work": "too late"}
    assert run.elapsed == timedelta(hours=1)


def test_an_activity_that_never_ends_does_not_keep_a_rehearsal_busy() -> None:
    async def forever() -> None:
        await asyncio.sleep(float("inf"))

    for performer in (forever, hangs()):
        rehearsal, run = rehearse(work(), activities={"work": performer})
        rehearsal.run()
        assert run.status == "RUNNING"
        assert rehearsal.next_due is None


def test_what_a_thread_does_takes_no_time() -> None:
    """No virtual time passes while an activity waits for a thread of its own."""

    async def heavy() -> str:
        async with asyncio.timeout(1e-6):
            await asyncio.to_thread(time.sleep, 0.02)
            return "done"

    rehearsal, run = rehearse(work(), outputs=[{"name": "work"}], activities={"work": heavy})
    rehearsal.run()
    assert run.expect_completed() == {"work": "done"}
    assert run.elapsed == timedelta()


def test_no_time_passes_while_a_process_is_at_work() -> None:
    """One that cannot be started is not waited for."""

    async def ask(program: str) -> str:
        async with asyncio.timeout(1e-6):
            process = await asyncio.create_subprocess_exec(
                program, "-c", "print('done')", stdout=asyncio.subprocess.PIPE
            )
            told, _ = await process.communicate()
        return told.decode().strip()

    for program, status in ((sys.executable, "COMPLETED"), ("./no such program", "FAILED")):
        rehearsal, run = rehearse(work(parameters={"program": program}), activities={"work": ask})
        began = time.perf_counter()
        rehearsal.run()
        assert run.status == status
        assert time.perf_counter() - began < 9
        assert run.elapsed == timedelta()


def test_no_time_passes_while_something_may_come_over_a_connection() -> None:
    """Until nothing has come for the real seconds that it is worth waiting."""
    here, there = socket.socketpair()

    async def listen() -> str:
        reader, writer = await asyncio.open_connection(sock=here)
        try:
            async with asyncio.timeout(3600):
                first = await reader.readline()
                return (first + await reader.readline()).decode()
        finally:
            writer.close()

    with there:
        threading.Timer(0.02, there.send, [b"hello\n"]).start()
        rehearsal = Rehearsal(flow(work()), activities={"work": listen}, patience=0.3)
        run = rehearsal.start("bakery")
        assert run.elapsed == timedelta()
        rehearsal.run()
        run.expect_failed("activity_failed")
        assert run.elapsed == timedelta(hours=1)


def test_the_same_rehearsal_goes_the_same_way_every_time() -> None:
    """Dice included: the jitter is that of the seed."""

    def play(seed: int) -> list[object]:
        retry = {"max_retries": 4, "jitter_strategy": "FULL", "base_delay": "1h"}
        rehearsal = Rehearsal(
            flow(work(each={"items": [1, 2, 3]}, retry=[retry])),
            activities={"work": [fails("busy")] * 5 + [returns(1)]},
            seed=seed,
        )
        run = rehearsal.start("bakery")
        rehearsal.run()
        return list(run.history)

    assert play(1) == play(1)
    assert play(1) != play(2)
