"""Activities that wait for a signal in mid-work (semantics 7.7)."""

from __future__ import annotations

import pytest

from branchline.engine import TaskGone, WaitInTask
from branchline.engine.definition import SECOND
from branchline.engine.events import (
    RetryScheduled,
    SignalConsumed,
    StepFailed,
    TaskScheduled,
    WaitTimedOut,
)
from branchline.engine.state import timer_key

from .invariants import check_nothing_is_left
from .playing import MINUTE, Json, Play, listen, nap, step, to

HOME: Json = [{"error_equals": ["all"], "next": "home", "store": "why"}]
ONCE_MORE: Json = [{"max_retries": 1, "base_delay": 10 * SECOND}]


def two_items(most: int = 0, **fields: Json) -> Play:
    """`bake` for the items 0 and 1, then `home`."""
    each = {"items": ["red", "blue"], "max_concurrency": most}
    return Play(step("bake", "home", each=each, store="loaves", **fields), step("home"))


def at_work(play: Play) -> list[int | None]:
    """The items that have a pending task."""
    return [task.item for task in play.tasks]


def two_waiters() -> Play:
    """A step and an activity wait for the same signal: the activity, of `b`, waits longer."""
    play = Play(
        step("go", to("slow", "a"), to("bake", "b")),
        step("slow", "bell"),
        listen("bell", store="ring"),
        step("bake"),
    )
    play.complete("go")
    play.wait("bake")
    play.complete("slow")
    return play


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


# Items


def test_a_step_of_items_is_suspended_once_all_that_have_begun_wait() -> None:
    play = two_items()
    play.wait("bake", item=0)
    assert play.statuses == {"main": "RUNNING"}
    play.wait("bake", "horn", item=1)
    assert play.statuses == {"main": "SUSPENDED"}
    play.signal("horn", "for 1")
    assert play.statuses == {"main": "RUNNING"}
    assert at_work(play) == [1]
    assert (play.received(0), play.received(1)) == ({}, {"1": "for 1"})
    play.complete("bake", "b", item=1)
    assert play.statuses == {"main": "SUSPENDED"}
    play.signal("bell")
    play.complete("bake", "a", item=0)
    assert play.variables() == {"loaves": ["a", "b"]}
    assert play.visits() == ["bake", "home"]


def test_an_item_between_two_attempts_keeps_the_branch_running() -> None:
    play = two_items(retry=ONCE_MORE)
    play.fail("bake", item=0)
    play.wait("bake", item=1)
    assert play.statuses == {"main": "RUNNING"}
    assert play.advance() == 10 * SECOND
    assert at_work(play) == [0]


def test_an_item_that_waits_keeps_its_place() -> None:
    play = two_items(most=1)
    play.wait("bake", item=0)
    assert play.tasks == []
    assert play.statuses == {"main": "SUSPENDED"}
    play.signal("bell")
    play.complete("bake", item=0)
    assert at_work(play) == [1]


def test_an_item_that_fails_ends_the_waits_of_the_others() -> None:
    play = two_items(catch=HOME)
    play.wait("bake", item=0)
    play.fail("bake", item=1)
    assert play.visits() == ["bake", "home"]
    assert play.state.waiters == {}
    assert play.state.timers.next_due() is None
    play.signal("bell")
    assert play.events(SignalConsumed) == []


def test_an_item_that_fails_for_good_lets_all_begin_anew_with_what_they_received() -> None:
    play = two_items()
    play.signal("bell", 5)
    play.wait("bake", item=0)
    play.wait("bake", item=0, key="2", deliveries=2)
    play.fail("bake", item=1)
    check_nothing_is_left(play.state)
    play.retry()
    assert at_work(play) == [0, 1]
    assert [task.deliveries for task in play.tasks] == [0, 0]
    assert play.received(0) == {"1": 5}


# Who gets a signal


def test_items_take_signals_in_the_order_of_their_waiting() -> None:
    play = two_items()
    play.wait("bake", item=1)
    play.wait("bake", item=0)
    assert play.state.waiters == {"bell": [timer_key("main", 1), timer_key("main", 0)]}
    play.signal("bell", "first")
    assert at_work(play) == [1]
    play.signal("bell", "second")
    assert (play.received(0), play.received(1)) == ({"1": "second"}, {"1": "first"})


def test_an_activity_that_has_waited_longer_than_a_step_is_first() -> None:
    play = two_waiters()
    play.signal("bell", 1)
    assert play.received(branch="b") == {"1": 1}
    assert play.statuses["a"] == "SUSPENDED"
    play.signal("bell", 2)
    assert play.variables("a") == {"ring": 2}


def test_a_step_that_has_waited_longer_than_an_activity_is_first() -> None:
    play = Play(step("go", to("bell", "a"), to("bake", "b")), listen("bell"), step("bake"))
    play.complete("go")
    play.wait("bake")
    play.signal("bell", 1)
    assert play.statuses == {"main": "COMPLETED", "a": "COMPLETED", "b": "SUSPENDED"}


def test_an_activity_that_waits_again_is_behind_the_others() -> None:
    play = two_waiters()
    play.signal("bell", 1)
    play.wait("bake", key="2")
    assert play.state.waiters == {"bell": [timer_key("a"), timer_key("b")]}


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
