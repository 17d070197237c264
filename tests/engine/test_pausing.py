"""Pausing branches and letting them go on (semantics 10.4, 10.5)."""

from __future__ import annotations

import pytest

from branchline.engine import BranchEnded, ExecutionClosed, UnknownBranch
from branchline.engine.definition import SECOND
from branchline.engine.events import BranchPaused, BranchUnpaused, PauseRequested

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


def test_each_unpause_is_one_event() -> None:
    play = at_work()
    play.pause()
    play.unpause()
    assert [event.branch for event in play.events(BranchUnpaused)] == ["a", "b", "c", "d", "e"]
