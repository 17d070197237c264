"""Time limits of tasks, and workers that are lost (semantics 7.3, 8.5)."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from branchline.client import activity
from branchline.testing import Rehearsal, crash, crashes, does, hangs, returns, takes, waits
from tests.testing.flows import flow, rehearse, work


def test_an_attempt_that_takes_too_long_is_timed_out() -> None:
    """One that takes exactly its time is not."""
    rehearsal, run = rehearse(work(timeout="1h"), activities={"work": takes(hours=1)})
    rehearsal.run()
    run.expect_completed()
    rehearsal, run = rehearse(work(timeout="1h"), activities={"work": takes(seconds=3600.000001)})
    rehearsal.run()
    run.expect_failed("timeout")
    assert run.elapsed == timedelta(hours=1)


def test_the_time_of_an_attempt_goes_on_when_its_worker_is_lost() -> None:
    """The second delivery has what the first one has left of it, and is told so."""
    deadlines: list[datetime | None] = []

    async def slow() -> None:
        deadlines.append(activity.context().task.deadline)
        await asyncio.sleep(6)
        await crash()

    rehearsal, run = rehearse(work(timeout="20s"), activities={"work": slow})
    rehearsal.run()
    run.expect_failed("timeout")
    assert run.elapsed == timedelta(seconds=20)
    assert run.attempts()[0].deliveries == 2
    assert deadlines == [run.attempts()[0].started + timedelta(seconds=20)] * 2


def test_the_time_of_an_attempt_begins_anew_after_a_wait() -> None:
    rehearsal, run = rehearse(
        work(timeout="10m"),
        activities={"work": does(takes(minutes=9), waits("go", 36_000), returns())},
    )
    rehearsal.advance(hours=1)
    run.signal("go")
    rehearsal.run()
    run.expect_completed()


def test_a_silent_activity_is_timed_out() -> None:
    rehearsal, run = rehearse(work(heartbeat_timeout="30s"), activities={"work": hangs()})
    rehearsal.run()
    assert "heartbeat_timeout" in run.expect_failed("timeout").message
    assert run.elapsed == timedelta(seconds=30)


def test_a_task_that_nobody_takes_is_timed_out() -> None:
    rehearsal, run = rehearse(work(schedule_timeout="5m"), activities={})
    rehearsal.run()
    assert "schedule_timeout" in run.expect_failed("timeout").message
    assert run.elapsed == timedelta(minutes=5)


def test_a_task_that_is_taken_has_all_its_time() -> None:
    rehearsal, run = rehearse(work(schedule_timeout="5m"), activities={"work": takes(hours=1)})
    rehearsal.run()
    run.expect_completed()


def test_after_so_many_lost_workers_the_attempt_fails() -> None:
    rehearsal = Rehearsal(
        flow(work()), activities={"work": crashes(always=True)}, lease=2, max_deliveries=3
    )
    run = rehearsal.start("bakery")
    rehearsal.run()
    assert "3 times" in run.expect_failed("worker_lost").message
    assert run.attempts()[0].deliveries == 3
    assert run.elapsed == timedelta(seconds=6)


def test_all_workers_can_crash_at_any_moment() -> None:
    rehearsal, run = rehearse(work(each={"items": [1, 2]}), activities={"work": takes(minutes=1)})
    rehearsal.advance(30)
    rehearsal.crash_workers()
    rehearsal.run()
    run.expect_completed()
    assert run.elapsed == timedelta(seconds=30 + 10 + 60)
    assert [attempt.deliveries for attempt in run.attempts()] == [2, 2]


def test_an_activity_waits_for_somebody_who_offers_it_on_its_queue() -> None:
    """The execution shows for what, and goes on when somebody comes."""
    rehearsal, run = rehearse(work(task_queue="oven"), activities={"work": returns(1)})
    rehearsal.run()
    assert run.status == "RUNNING"
    assert [(task.activity, task.task_queue) for task in run.waiting_for] == [("work", "oven")]
    rehearsal.offer({"work": does(takes(1), returns(2))}, queues={"work": "oven"})
    assert run.waiting_for == ()
    rehearsal.run()
    run.expect_completed()
    assert run.variables() == {"work": 2}
    assert run.waiting_for == ()


def test_a_queue_for_what_is_not_offered_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="wrok"):
        Rehearsal(activities={"work": returns()}, queues={"wrok": "oven"})


@pytest.mark.parametrize(
    "numbers", [{"lease": 0}, {"max_deliveries": 0}, {"patience": -1}], ids=str
)
def test_numbers_out_of_range_are_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Rehearsal(**numbers)  # type: ignore[arg-type]  # each is a number
