"""Pauses of branches that are delayed, sleep or wait: their time stands still (10.5)."""

from __future__ import annotations

from branchline.engine.definition import SECOND
from branchline.engine.events import SignalConsumed

from .playing import MINUTE, Json, Play, listen, nap, step, to

ONCE_MORE: Json = [{"max_retries": 1, "base_delay": 10 * SECOND}]


def two_waiters(*more: Json, **fields: Json) -> Play:
    """Two branches that wait for the same signal: `first`, started later, waits longer."""
    play = Play(
        step("go", to("slow", "second"), to("bell", "first"), *more),
        step("slow", "bell"),
        listen("bell", "end", store="ring"),
        step("end"),
        **fields,
    )
    play.complete("go")
    play.complete("slow")
    return play


# Between attempts


def test_a_pause_between_attempts_freezes_the_delay() -> None:
    play = Play(step("a", retry=ONCE_MORE))
    play.fail("a")
    play.now = 4 * SECOND
    play.pause()
    assert play.statuses == {"main": "PAUSED"}
    assert play.state.timers.next_due() is None
    assert play.wake(MINUTE) == []
    play.unpause()
    assert play.statuses == {"main": "RUNNING"}
    assert play.advance() == 6 * SECOND
    assert play.task("a").attempt == 2


def test_a_running_attempt_that_fails_is_paused_before_the_next() -> None:
    play = Play(step("a", retry=ONCE_MORE))
    play.pause()
    play.now = 5 * SECOND
    play.fail("a")
    assert play.statuses == {"main": "PAUSED"}
    play.now = MINUTE
    play.unpause()
    assert play.advance() == 10 * SECOND


def test_items_between_attempts_are_paused_when_the_last_that_ran_has_ended() -> None:
    each = {"items": [1, 2, 3]}
    play = Play(step("a", "b", each=each, retry=ONCE_MORE), step("b"))
    play.fail("a", item=0)
    play.now = 3 * SECOND
    play.fail("a", item=1)
    play.now = 4 * SECOND
    play.pause()
    assert play.statuses == {"main": "RUNNING"}
    play.complete("a", item=2)
    assert play.statuses == {"main": "PAUSED"}
    play.now = MINUTE
    play.unpause()
    assert [play.advance(), play.advance()] == [6 * SECOND, 3 * SECOND]
    assert [task.item for task in play.tasks] == [0, 1]


def test_a_wait_between_attempts_is_paused_too() -> None:
    play = Play(listen("bell", retry=ONCE_MORE, timeout=SECOND))
    play.advance()
    play.pause()
    assert play.statuses == {"main": "PAUSED"}
    play.signal("bell")
    play.unpause()
    assert play.statuses == {"main": "RUNNING"}
    assert play.advance() == 10 * SECOND
    assert play.state.status == "COMPLETED"


# Dormant branches


def test_a_sleep_is_frozen_and_runs_on() -> None:
    play = Play(nap("doze", "end", duration=10 * SECOND), step("end"))
    play.now = 4 * SECOND
    play.pause(reason="quiet")
    assert play.statuses == {"main": "PAUSED"}
    assert play.wake(MINUTE) == []
    play.unpause()
    assert play.statuses == {"main": "SUSPENDED"}
    assert play.state.branches["main"].sleep_until == MINUTE + 6 * SECOND
    assert play.advance() == 6 * SECOND
    assert play.visits() == ["doze", "end"]


def test_a_sleep_that_is_paused_twice_loses_nothing() -> None:
    play = Play(nap("doze", duration=10 * SECOND))
    for at in (4, 60, 63, 90):
        play.now = at * SECOND
        if play.state.status == "PAUSED":
            play.unpause()
        else:
            play.pause()
    assert play.advance() == 3 * SECOND


def test_a_pause_that_comes_after_the_time_leaves_nothing_of_it() -> None:
    """The server was down when the sleep ended."""
    play = Play(nap("doze", duration=10 * SECOND))
    play.now = MINUTE
    play.pause()
    play.now = 2 * MINUTE
    play.unpause()
    assert play.advance() == 0
    assert play.state.status == "COMPLETED"


def test_the_time_of_a_wait_is_frozen_and_runs_on() -> None:
    play = Play(listen("bell", on_timeout="end", timeout=10 * SECOND), step("end"))
    play.now = 4 * SECOND
    play.pause()
    assert play.wake(MINUTE) == []
    play.unpause()
    wait = play.state.branches["main"].wait
    assert wait is not None
    assert wait.until == MINUTE + 6 * SECOND
    assert play.advance() == 6 * SECOND
    assert play.visits() == ["bell", "end"]


def test_a_signal_stays_stored_while_all_who_wait_for_it_are_paused() -> None:
    play = two_waiters()
    play.pause()
    play.signal("bell", "ding")
    assert play.events(SignalConsumed) == []
    play.unpause("second")
    assert play.variables("second") == {"ring": "ding"}
    assert play.statuses["first"] == "PAUSED"


def test_a_paused_waiter_is_passed_over() -> None:
    play = two_waiters()
    play.pause("first")
    play.signal("bell", "ding")
    assert play.variables("second") == {"ring": "ding"}
    play.unpause("first")
    assert play.statuses["first"] == "SUSPENDED"
    play.signal("bell", "dong")
    assert play.variables("first") == {"ring": "dong"}


def test_a_waiter_that_was_paused_keeps_its_place() -> None:
    play = two_waiters()
    play.pause("first")
    play.unpause("first")
    play.signal("bell", "ding")
    assert play.variables("first") == {"ring": "ding"}


def test_of_waiters_unpaused_together_the_longest_waiting_takes_the_signal() -> None:
    play = two_waiters()
    play.pause()
    play.signal("bell", "ding")
    play.unpause()
    assert play.variables("first") == {"ring": "ding"}
    assert play.statuses["second"] == "SUSPENDED"


def test_each_waiter_that_is_unpaused_takes_a_signal() -> None:
    play = two_waiters()
    play.pause()
    play.signal("bell", 1)
    play.signal("bell", 2)
    play.unpause()
    assert play.variables("first") == {"ring": 1}
    assert play.variables("second") == {"ring": 2}
