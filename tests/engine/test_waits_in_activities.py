"""Activities that wait for a signal in mid-work (semantics 7.7)."""

from __future__ import annotations

import pytest

from branchline.engine import TaskGone, WaitInTask
from branchline.engine.definition import SECOND
from branchline.engine.events import RetryScheduled, StepFailed, TaskScheduled, WaitTimedOut
from branchline.engine.state import timer_key

from .invariants import check_nothing_is_left
from .playing import MINUTE, Json, Play, listen, nap, step, to
from .waiting import at_work, two_items, two_waiters

HOME: Json = [{"error_equals": ["all"], "next": "home", "store": "why"}]
ONCE_MORE: Json = [{"max_retries": 1, "base_delay": 10 * SECOND}]


# Waiting, and going on


def test_an_activity_that_waits_suspends_its_branch_and_has_no_task() -> None:
    play = Play(step("bake"))
    task = play.task("bake").task
    play.wait("bake")
    assert play.statuses == {"main": "SUSPENDED"}
    assert play.state.status == "SUSPENDED"
    assert play.tasks == []
    assert play.state.timers.next_due() == MINUTE
    with pytest.raises(TaskGone):
        play.send(WaitInTask(task=task, key="2", topic="bell", timeout=MINUTE, deliveries=1))


def test_a_signal_schedules_the_same_attempt_again_and_counts_its_deliveries() -> None:
    play = Play(step("bake", store="x", retry=ONCE_MORE))
    play.fail("bake")
    play.advance()
    play.wait("bake", deliveries=3)
    play.signal("bell", {"n": 1})
    task = play.task("bake")
    assert (task.attempt, task.deliveries) == (2, 3)
    assert play.statuses == {"main": "RUNNING"}
    assert play.received() == {"1": {"n": 1}}
    assert play.state.timers.next_due() is None
    assert play.state.waiters == {}
    play.complete("bake", "done")
    assert play.variables() == {"x": "done"}


def test_an_early_signal_is_taken_at_once() -> None:
    play = Play(step("bake"))
    play.signal("bell", "early")
    play.wait("bake")
    assert play.statuses == {"main": "RUNNING"}
    assert (play.task("bake").attempt, play.task("bake").deliveries) == (1, 1)
    assert play.received() == {"1": "early"}
    assert play.state.signals == {}


def test_several_waits_are_kept_by_their_keys() -> None:
    play = Play(step("bake"))
    play.wait("bake", key="1", deliveries=1)
    play.signal("bell", "a")
    play.wait("bake", "horn", key="2", deliveries=2)
    play.signal("bell", "for nobody")
    assert play.tasks == []
    play.signal("horn", "b")
    assert play.received() == {"1": "a", "2": "b"}
    assert play.task("bake").deliveries == 2


def test_a_wait_in_vain_is_delivered_again_in_the_same_attempt() -> None:
    play = Play(step("bake", retry=[{"error_equals": ["all"]}], catch=HOME), step("home"))
    play.wait("bake", key="k", timeout=5 * SECOND)
    assert play.wake(5 * SECOND - 1) == []
    play.wake(5 * SECOND)
    assert (play.task("bake").attempt, play.task("bake").deliveries) == (1, 1)
    assert play.timed_out() == ("k",)
    assert play.state.waiters == {}
    assert play.events(RetryScheduled) == []
    assert play.events(StepFailed) == []


def test_waits_use_up_no_retry() -> None:
    play = Play(step("bake", "home", retry=ONCE_MORE), step("home"))
    for number in range(4):
        play.wait("bake", key=str(number), deliveries=number + 1)
        play.advance()
    play.fail("bake")
    assert play.advance() == 10 * SECOND
    assert play.task("bake").attempt == 2


def test_payloads_survive_a_retry_and_waits_in_vain_do_not() -> None:
    play = Play(step("bake", retry=ONCE_MORE))
    play.wait("bake", key="1")
    play.signal("bell", 7)
    play.wait("bake", key="2", deliveries=2)
    play.advance()
    assert play.timed_out() == ("2",)
    play.fail("bake")
    play.advance()
    assert (play.task("bake").attempt, play.task("bake").deliveries) == (2, 0)
    assert play.received() == {"1": 7}
    assert play.timed_out() == ()


def test_payloads_are_gone_with_the_visit() -> None:
    play = Play(step("bake", "bake"))
    play.signal("bell", 1)
    play.wait("bake")
    play.complete("bake")
    assert play.visits() == ["bake", "bake"]
    assert play.received() == {}
    assert play.task("bake").deliveries == 0


# Pauses


def test_a_pause_freezes_the_time_of_a_wait() -> None:
    play = Play(step("bake"))
    play.wait("bake")
    play.wake(20 * SECOND)
    play.pause()
    assert play.statuses == {"main": "PAUSED"}
    assert play.wake(10 * MINUTE) == []
    play.unpause()
    assert play.statuses == {"main": "SUSPENDED"}
    assert play.advance() == 40 * SECOND
    assert play.timed_out() == ("1",)


def test_a_paused_activity_is_passed_over_and_takes_its_signal_when_it_goes_on() -> None:
    play = two_waiters()
    play.pause("b")
    play.signal("bell", 1)
    assert play.variables("a") == {"ring": 1}
    play.signal("bell", 2)
    assert play.tasks == []
    play.unpause("b")
    assert play.received(branch="b") == {"1": 2}
    assert play.statuses["b"] == "RUNNING"


def test_all_that_go_on_at_once_take_signals_in_the_order_of_their_waiting() -> None:
    play = two_waiters()
    play.pause()
    play.signal("bell", 1)
    play.unpause()
    assert play.received(branch="b") == {"1": 1}
    assert play.statuses["a"] == "SUSPENDED"
    play = Play(step("go", to("bake", "a"), to("bell", "b")), listen("bell"), step("bake"))
    play.complete("go")
    play.wait("bake")
    play.pause()
    play.signal("bell", 1)
    play.unpause()
    assert play.statuses == {"main": "COMPLETED", "a": "SUSPENDED", "b": "COMPLETED"}


def test_as_many_as_there_are_signals_go_on_from_a_pause() -> None:
    play = two_items()
    play.wait("bake", item=0)
    play.wait("bake", item=1)
    play.pause()
    play.signal("bell", 1)
    play.signal("bell", 2)
    play.unpause()
    assert (play.received(0), play.received(1)) == ({"1": 1}, {"1": 2})
    assert at_work(play) == [0, 1]


def test_a_branch_that_shall_be_paused_is_so_once_its_activity_waits() -> None:
    play = Play(step("bake"))
    play.pause(reason="later")
    assert play.statuses == {"main": "RUNNING"}
    play.wait("bake")
    assert play.statuses == {"main": "PAUSED"}
    assert play.state.branches["main"].pause == "later"


def test_a_branch_that_shall_be_paused_is_so_once_its_items_wait_or_are_delayed() -> None:
    play = two_items(retry=ONCE_MORE)
    play.fail("bake", item=0)
    play.pause()
    play.wait("bake", item=1)
    assert play.statuses == {"main": "PAUSED"}
    play.wake(10 * MINUTE)
    play.unpause()
    assert play.advance() == 10 * SECOND
    assert at_work(play) == [0]
    assert play.advance() == 50 * SECOND
    assert play.timed_out(1) == ("1",)


def test_an_early_signal_comes_before_a_pause() -> None:
    play = Play(step("bake", "home"), step("home"))
    play.signal("bell")
    play.pause()
    play.wait("bake")
    assert play.statuses == {"main": "RUNNING"}
    play.complete("bake")
    assert play.statuses == {"main": "PAUSED"}


# Ends, and taking up again


def test_a_wait_beside_a_failure_goes_on_with_what_is_left_of_its_time() -> None:
    play = Play(step("go", to("bake", "a"), to("bad", "b")), step("bake"), step("bad"))
    play.complete("go")
    play.wait("bake", deliveries=2)
    play.wake(20 * SECOND)
    play.fail("bad")
    assert play.statuses["a"] == "CANCELED"
    check_nothing_is_left(play.state)
    play.now += 10 * MINUTE
    play.retry()
    assert play.statuses["a"] == "SUSPENDED"
    assert play.state.waiters == {"bell": [timer_key("a")]}
    assert play.advance() == 40 * SECOND
    assert (play.task("bake").attempt, play.task("bake").deliveries) == (1, 2)
    assert play.timed_out(branch="a") == ("1",)


def test_items_beside_a_failure_go_on_each_where_it_was() -> None:
    play = Play(
        step("go", to("bake", "a"), to("bad", "b")),
        step("bake", each={"items": [1, 2]}),
        step("bad"),
    )
    play.complete("go")
    play.wait("bake", item=1)
    play.fail("bad")
    play.retry()
    assert at_work(play) == [0, None]
    play.signal("bell", "still heard")
    assert play.received(1, "a") == {"1": "still heard"}


def test_a_failed_visit_keeps_its_payloads_and_counts_its_attempts_from_one() -> None:
    play = Play(step("bake"))
    play.wait("bake", key="1")
    play.signal("bell", 1)
    play.wait("bake", key="2", deliveries=2)
    play.advance()
    play.fail("bake")
    play.retry()
    assert (play.task("bake").attempt, play.task("bake").deliveries) == (1, 0)
    assert play.received() == {"1": 1}
    assert play.timed_out() == ()


def test_a_cancelled_execution_leaves_no_wait() -> None:
    play = two_items()
    play.wait("bake", item=0)
    play.cancel()
    assert play.statuses == {"main": "CANCELED"}
    check_nothing_is_left(play.state)


def test_waits_of_the_same_moment_end_together() -> None:
    play = two_items()
    play.wait("bake", item=0)
    play.wait("bake", item=1)
    play.advance()
    assert [event.item for event in play.events(WaitTimedOut)] == [0, 1]
    assert at_work(play) == [0, 1]


def test_a_wait_is_no_wait_of_the_next_step() -> None:
    """What another step waits for has nothing to do with the payloads of the activity."""
    play = Play(step("bake", "doze"), nap("doze", "bell"), listen("bell", store="ring"))
    play.wait("bake")
    play.signal("bell", 1)
    play.complete("bake")
    play.signal("bell", 2)
    play.advance()
    assert play.variables() == {"ring": 2}
    assert len(play.events(TaskScheduled)) == 2
