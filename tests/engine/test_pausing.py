"""Pausing branches and letting them go on (semantics 10.4, 10.5)."""

from __future__ import annotations

import pytest

from branchline.engine import BranchEnded, ExecutionClosed, UnknownBranch
from branchline.engine.definition import SECOND
from branchline.engine.events import (
    BranchPaused,
    BranchUnpaused,
    PauseRequested,
    SignalConsumed,
    StepCompleted,
)

from .invariants import check_nothing_is_left, check_state
from .playing import MINUTE, Json, Play, fork, forked, halt, listen, meet, nap, step, to

HOME: Json = [{"error_equals": ["all"], "next": "home", "store": "why"}]
ONCE_MORE: Json = [{"max_retries": 1, "base_delay": 10 * SECOND}]


def at_work() -> Play:
    """Branches that work, wait, sleep, stand at a join, and are between two attempts."""
    play = Play(
        step("go", to("a", "a"), to("b", "b"), to("c", "c"), to("d", "d"), to("e", "e")),
        step("a", "after"),
        listen("b", "after"),
        nap("c", "after"),
        meet("d", "after", branches=["a"]),
        step("e", "after", retry=ONCE_MORE),
        step("after"),
    )
    play.complete("go")
    play.fail("e")
    return play


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


# Pause steps


def test_a_pause_step_holds_its_branch_until_it_is_unpaused() -> None:
    play = Play(step("a", "gate"), halt("gate", "b", reason="look first"), step("b"))
    play.complete("a")
    assert play.statuses == {"main": "PAUSED"}
    assert play.state.status == "PAUSED"
    assert play.state.branches["main"].pause == "look first"
    assert play.state.branches["main"].step == "gate"
    play.unpause()
    assert play.visits() == ["a", "gate", "b"]
    assert play.state.status == "RUNNING"


def test_a_pause_step_is_over_once_its_branch_goes_on() -> None:
    play = Play(halt("gate", "b"), step("b"))
    assert play.events(StepCompleted) == []
    play.unpause("main")
    assert len(play.events(StepCompleted)) == 1


@pytest.mark.parametrize(("n", "way"), [(1, "b"), (2, "b"), (3, "c")])
def test_the_first_edge_of_a_pause_step_that_matches_is_taken(n: int, way: str) -> None:
    play = Play(
        halt("gate", to("b", when="state.n < 3"), to("c", when="state.n > 1")),
        step("b"),
        step("c"),
        state={"n": n},
    )
    play.unpause()
    assert play.visits() == ["gate", way]
    assert list(play.statuses) == ["main"]


def test_the_edges_of_a_pause_step_are_looked_at_on_entry() -> None:
    """The way on is in the history before anybody unpauses."""
    play = Play(halt("gate", to("b", when="false"), "c"), step("b"), step("c"))
    [paused] = play.events(BranchPaused)
    assert (paused.next, paused.step) == ("enter", "c")


def test_without_a_match_the_branch_completes_once_it_is_unpaused() -> None:
    play = Play(halt("gate", to("b", when="false")), step("b"))
    assert play.statuses == {"main": "PAUSED"}
    play.unpause()
    assert play.state.status == "COMPLETED"
    assert play.visits() == ["gate"]


def test_a_condition_of_a_pause_step_that_fails_fails_the_branch_on_entry() -> None:
    play = Play(halt("gate", to("b", when="state.missing > 1")), step("b"))
    assert play.error == "expression_error"
    assert play.events(BranchPaused) == []


def test_pause_steps_follow_on_each_other() -> None:
    play = Play(halt("one", "two"), halt("two", "three"), halt("three", "end"), step("end"))
    for place in ("one", "two", "three"):
        assert (play.state.branches["main"].step, play.state.status) == (place, "PAUSED")
        play.unpause()
    assert play.visits()[-1] == "end"


def test_a_branch_behind_a_pause_step_may_be_given_another_reason() -> None:
    play = Play(halt("gate", "b", reason="gate"), step("b"))
    play.pause(reason="holiday")
    assert play.state.branches["main"].pause == "holiday"
    play.unpause()
    assert play.visits() == ["gate", "b"]


# The step boundary


def test_a_running_activity_finishes_and_its_edges_wait() -> None:
    play = Play(step("a", to("b", when="state.n == 1"), store="n"), step("b"))
    play.pause(reason="wait")
    assert play.statuses == {"main": "RUNNING"}
    play.complete("a", 1)
    assert play.statuses == {"main": "PAUSED"}
    assert play.variables() == {"n": 1}
    assert play.state.branches["main"].step == "a"
    assert [event.next for event in play.events(BranchPaused)] == ["edges"]
    play.unpause()
    assert play.visits() == ["a", "b"]


def test_an_edge_that_fails_does_so_when_it_is_looked_at() -> None:
    play = Play(step("a", to("b", when="state.missing")), step("b"))
    play.pause()
    play.complete("a")
    assert play.state.status == "PAUSED"
    play.unpause()
    assert play.error == "expression_error"


def test_a_fork_waits_for_the_unpause() -> None:
    play = Play(step("a", to("b", "b"), to("b", "c")), step("b"))
    play.pause()
    play.complete("a")
    assert list(play.statuses) == ["main"]
    play.unpause()
    assert play.statuses == {"main": "COMPLETED", "b": "RUNNING", "c": "RUNNING"}


def test_a_pause_taken_back_before_the_boundary_never_was() -> None:
    play = Play(step("a", "b"), step("b"))
    play.pause()
    play.unpause()
    play.complete("a")
    assert play.visits() == ["a", "b"]
    assert play.events(BranchPaused) == []


def test_a_caught_error_leads_to_a_paused_branch() -> None:
    play = Play(step("a", catch=HOME), step("home"))
    play.pause(reason="wait")
    play.fail("a", "burnt")
    assert play.statuses == {"main": "PAUSED"}
    assert play.variables()["why"]["Error"] == "burnt"
    assert play.visits() == ["a"]
    play.unpause()
    assert play.visits() == ["a", "home"]


def test_an_error_that_nobody_catches_fails_a_branch_that_shall_be_paused() -> None:
    play = Play(step("a"))
    play.pause()
    play.fail("a", "burnt")
    assert play.error == "burnt"
    check_nothing_is_left(play.state)


def test_items_all_run_before_the_pause() -> None:
    play = Play(step("a", "b", each={"items": [1, 2, 3], "max_concurrency": 1}), step("b"))
    play.pause()
    for item in range(3):
        assert play.statuses == {"main": "RUNNING"}
        play.complete("a", item=item)
    assert play.statuses == {"main": "PAUSED"}
    play.unpause()
    assert play.visits() == ["a", "b"]


def test_the_paused_do_not_hinder_the_others() -> None:
    play = Play(step("go", to("a", "a"), to("a", "b")), step("a", "end"), step("end"))
    play.complete("go")
    play.pause("a")
    play.complete("a")
    play.complete("a")
    assert play.statuses == {"main": "COMPLETED", "a": "PAUSED", "b": "RUNNING"}
    assert play.state.status == "RUNNING"
    play.complete("end")
    assert play.state.status == "PAUSED"
    play.unpause("a")
    play.complete("end")
    assert play.state.status == "COMPLETED"


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


# Joins


def test_a_branch_at_a_join_is_paused_when_the_join_lets_it_go() -> None:
    play = forked(
        fork(to("gate", "all"), to("a", "a")),
        step("a"),
        meet("gate", "end", branches=["a"]),
        step("end"),
    )
    play.pause("all")
    assert play.statuses["all"] == "WAITING"
    play.complete("a", patch={"n": 1})
    assert play.statuses["all"] == "PAUSED"
    assert play.variables("all") == {"a": {"n": 1}}
    assert play.visits("all") == ["gate"]
    play.unpause("all")
    assert play.visits("all") == ["gate", "end"]


def test_a_branch_that_a_join_ends_is_not_paused() -> None:
    play = forked(
        fork(to("gate", "all"), to("a", "a")),
        step("a", "gate"),
        meet("gate", "end", branches=["all", "a"]),
        step("end"),
    )
    play.pause("all")
    play.complete("a")
    assert play.statuses["all"] == "COMPLETED"
    assert play.state.branches["all"].pause is None


def test_a_join_is_not_deadlocked_while_a_branch_is_paused() -> None:
    play = forked(
        fork(to("gate", "all"), to("hold", "a")),
        halt("hold", "end"),
        step("end"),
        meet("gate", branches=["a"]),
    )
    assert play.state.status == "PAUSED"
    play.unpause()
    play.complete("end")
    assert play.state.status == "COMPLETED"


# All branches


def test_a_pause_of_all_takes_every_live_branch_where_it_is() -> None:
    play = at_work()
    play.pause(reason="storm")
    assert play.statuses == {
        "main": "COMPLETED",
        "a": "RUNNING",
        "b": "PAUSED",
        "c": "PAUSED",
        "d": "WAITING",
        "e": "PAUSED",
    }
    assert {branch.pause for branch in play.state.live_branches()} == {"storm"}
    assert play.state.timers.next_due() is None
    play.complete("a")
    assert play.statuses["a"] == "PAUSED"
    assert play.state.status == "PAUSED"
    check_state(play.state)


def test_an_unpause_of_all_lets_every_branch_go_on() -> None:
    play = at_work()
    play.pause()
    play.now = MINUTE
    play.unpause()
    assert play.statuses == {
        "main": "COMPLETED",
        "a": "RUNNING",
        "b": "SUSPENDED",
        "c": "SUSPENDED",
        "d": "WAITING",
        "e": "RUNNING",
    }
    assert play.advance() == 10 * SECOND
    assert {branch.pause for branch in play.state.live_branches()} == {None}


def test_one_failure_among_the_unpaused_stops_those_behind_it() -> None:
    """A branch whose edges fail ends the execution; the paused are stopped as they are."""
    play = Play(
        step("go", to("a", "a"), to("b", "b"), to("c", "c")),
        step("a", to("end", when="state.missing")),
        listen("b"),
        step("c", "end"),
        step("end"),
    )
    play.complete("go")
    play.pause()
    play.complete("a")
    play.unpause()
    assert play.error == "expression_error"
    assert play.statuses == {"main": "COMPLETED", "a": "FAILED", "b": "CANCELED", "c": "CANCELED"}
    check_nothing_is_left(play.state)


# Repeating, refusing


def test_a_pause_may_be_repeated() -> None:
    play = at_work()
    play.pause(reason="storm")
    assert play.pause(reason="storm") == []


def test_a_new_reason_replaces_the_old() -> None:
    play = at_work()
    play.pause(reason="storm")
    play.pause("b", reason="rain")
    play.pause("a", reason="rain")
    reasons = {branch.id: branch.pause for branch in play.state.live_branches()}
    assert reasons == {"a": "rain", "b": "rain", "c": "storm", "d": "storm", "e": "storm"}
    play.complete("a")
    assert play.events(BranchPaused)[-1].reason == "rain"


def test_a_new_reason_leaves_the_time_that_is_left_as_it_is() -> None:
    play = Play(nap("doze", duration=10 * SECOND))
    play.now = 4 * SECOND
    play.pause(reason="storm")
    play.now = 8 * SECOND
    play.pause(reason="rain")
    play.unpause()
    assert play.advance() == 6 * SECOND


def test_an_unpause_may_be_repeated_and_of_nobody_changes_nothing() -> None:
    play = at_work()
    assert play.unpause() == []
    assert play.unpause("a") == []
    play.pause("b")
    play.unpause("b")
    assert play.unpause("b") == []


def test_a_pause_of_one_leaves_the_others() -> None:
    play = at_work()
    play.pause("c")
    assert [branch.id for branch in play.state.live_branches() if branch.pause is not None] == ["c"]
    assert [event.branch for event in play.events(BranchPaused)] == ["c"]
    assert play.events(PauseRequested) == []


def test_an_unknown_branch_is_refused() -> None:
    play = at_work()
    for call in (play.pause, play.unpause):
        with pytest.raises(UnknownBranch, match='"nobody"'):
            call("nobody")


def test_a_branch_that_has_ended_is_refused() -> None:
    play = at_work()
    for call in (play.pause, play.unpause):
        with pytest.raises(BranchEnded, match='"main" has ended: it is COMPLETED'):
            call("main")


def test_a_closed_execution_is_refused() -> None:
    play = at_work()
    play.cancel()
    for call in (play.pause, play.unpause):
        with pytest.raises(ExecutionClosed, match="CANCELED"):
            call()


def test_a_paused_execution_can_be_cancelled() -> None:
    play = at_work()
    play.pause()
    play.cancel()
    assert play.state.status == "CANCELED"
    check_nothing_is_left(play.state)


# The clock of the whole (4.12)


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


def test_each_unpause_is_one_event() -> None:
    play = at_work()
    play.pause()
    play.unpause()
    assert [event.branch for event in play.events(BranchUnpaused)] == ["a", "b", "c", "d", "e"]
