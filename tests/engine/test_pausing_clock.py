"""The execution's own clock stops while all its branches are paused (semantics 4.12)."""

from __future__ import annotations

from branchline.engine.definition import SECOND

from .invariants import check_nothing_is_left
from .playing import MINUTE, Play, halt, listen, meet, nap, step, to


def at_work_with_a_limit() -> Play:
    """Branches that work, wait and stand at a join, for ten seconds at most."""
    play = Play(
        step("go", to("a", "a"), to("b", "b"), to("d", "d")),
        step("a", "end"),
        listen("b"),
        meet("d", branches=["a"]),
        step("end"),
        timeout=10 * SECOND,
    )
    play.complete("go")
    return play


def test_a_pause_of_all_branches_stops_the_executions_clock() -> None:
    play = Play(nap("doze", duration=MINUTE), timeout=10 * SECOND)
    play.now = 4 * SECOND
    play.pause()
    assert play.state.timers.next_due() is None
    assert play.wake(MINUTE) == []
    play.unpause()
    assert play.advance() == 6 * SECOND
    assert play.error == "timeout"


def test_a_pause_step_stops_the_clock_when_no_other_branch_is_live() -> None:
    play = Play(step("a", "gate"), halt("gate", "b"), step("b"), timeout=10 * SECOND)
    play.now = 4 * SECOND
    play.complete("a")
    play.now = MINUTE
    play.unpause()
    assert play.advance() == 6 * SECOND
    assert play.error == "timeout"


def test_the_clock_runs_until_the_last_activity_has_finished() -> None:
    play = Play(step("a", "b"), step("b"), timeout=10 * SECOND)
    play.pause()
    play.now = 4 * SECOND
    assert play.state.timers.next_due() == 10 * SECOND
    play.complete("a")
    assert play.state.timers.next_due() is None


def test_the_clock_runs_while_one_branch_is_not_paused() -> None:
    play = at_work_with_a_limit()
    play.pause("b")
    assert play.advance() == 10 * SECOND
    assert play.error == "timeout"


def test_a_branch_at_a_join_that_shall_be_paused_does_not_keep_the_clock_running() -> None:
    play = at_work_with_a_limit()
    play.pause()
    play.complete("a")
    assert play.statuses == {"main": "COMPLETED", "a": "PAUSED", "b": "PAUSED", "d": "WAITING"}
    assert play.state.timers.next_due() is None
    play.unpause("d")
    assert play.state.timers.next_due() == 10 * SECOND


def test_a_clock_that_ran_out_unseen_ends_the_execution_once_it_is_unpaused() -> None:
    play = Play(nap("doze", duration=MINUTE), timeout=10 * SECOND)
    play.now = 20 * SECOND
    play.pause()
    assert play.state.status == "PAUSED"
    play.now = MINUTE
    play.unpause()
    assert play.advance() == 0
    assert play.error == "timeout"


def test_a_stopped_clock_does_not_outlive_a_cancellation() -> None:
    play = Play(nap("doze"), timeout=10 * SECOND)
    play.pause()
    play.cancel()
    assert play.state.deadline_left is None
    check_nothing_is_left(play.state)
