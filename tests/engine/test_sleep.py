"""Sleeping (semantics 10.3), and what happens when somebody is woken late."""

from __future__ import annotations

from branchline.engine.definition import SECOND

from .playing import MINUTE, Play, listen, meet, nap, step, to


def test_a_sleep_ends_at_entry_plus_duration() -> None:
    play = Play(step("a", "doze"), nap("doze", "b", duration=90 * SECOND), step("b"))
    play.now = 10 * SECOND
    play.complete("a")
    assert play.statuses == {"main": "SUSPENDED"}
    assert play.wake(100 * SECOND - 1) == []
    play.wake(100 * SECOND)
    assert play.visits() == ["a", "doze", "b"]
    assert play.statuses == {"main": "RUNNING"}


def test_sleeps_of_different_lengths_end_one_by_one() -> None:
    play = Play(
        step("go", to("one", "a"), to("two", "b")),
        nap("one", duration=2 * SECOND),
        nap("two", duration=SECOND),
    )
    play.complete("go")
    assert play.advance() == SECOND
    assert play.statuses == {"main": "COMPLETED", "a": "SUSPENDED", "b": "COMPLETED"}
    assert play.advance() == SECOND
    assert play.state.status == "COMPLETED"


def test_a_late_wake_ends_everything_that_is_due_the_earliest_first() -> None:
    play = Play(
        step("go", to("one", "a"), to("two", "b"), to("three", "c"), to("gate", "d")),
        nap("one", "gate", duration=2 * SECOND),
        nap("two", "gate", duration=SECOND),
        nap("three", "gate", duration=MINUTE),
        meet("gate", branches=["a", "b"], count=1),
    )
    play.complete("go")
    play.wake(5 * SECOND)
    assert play.statuses["c"] == "SUSPENDED"
    assert play.state.joins["gate"].taken == {"b"}


def test_a_timer_that_an_earlier_one_has_stopped_does_not_fire() -> None:
    """The wait fails its branch, and with it the sleeper, which was due as well."""
    play = Play(
        step("go", to("bell", "a"), to("doze", "b")),
        listen("bell", timeout=SECOND),
        nap("doze", "late", duration=2 * SECOND),
        step("late"),
    )
    play.complete("go")
    play.wake(MINUTE)
    assert play.error == "timeout"
    assert play.statuses == {"main": "COMPLETED", "a": "FAILED", "b": "CANCELED"}
    assert play.visits("b") == ["doze"]


def test_a_wake_of_an_execution_that_is_busy_changes_nothing() -> None:
    play = Play(step("a"))
    assert play.wake(MINUTE) == []


def test_the_status_is_that_of_the_liveliest_branch() -> None:
    """Suspended means that nobody runs and somebody is dormant."""
    play = Play(
        step("go", to("a", "a"), to("doze", "b"), to("gate", "c")),
        step("a"),
        nap("doze"),
        meet("gate", branches=["a", "b"]),
    )
    play.complete("go")
    assert play.state.status == "RUNNING"
    play.complete("a")
    assert play.statuses["c"] == "WAITING"
    assert play.state.status == "SUSPENDED"
    play.advance()
    assert play.state.status == "COMPLETED"
