"""Joins that can never be satisfied (semantics 6.6)."""

from __future__ import annotations

from branchline.engine.events import BranchFailed

from .playing import fork, forked, listen, meet, step, to


def test_a_join_for_a_branch_that_never_starts_is_a_deadlock() -> None:
    play = forked(
        fork(to("a", "train", "false"), to("gate", "x"), to("gate", "y")),
        step("a"),
        meet("gate", branches=["train"]),
    )
    assert play.error == "join_deadlock"
    assert play.statuses == {"main": "COMPLETED", "x": "FAILED", "y": "FAILED"}
    assert {event.error.type for event in play.events(BranchFailed)} == {"join_deadlock"}
    assert play.state.error is not None
    assert '"x" at "gate"' in play.state.error.message


def test_a_joins_deadlock_is_found_when_the_last_other_branch_ends() -> None:
    play = forked(
        fork(to("a", "train", "false"), to("gate", "x"), to("b", "y")),
        step("a"),
        step("b"),
        meet("gate", branches=["train"]),
    )
    assert play.state.status == "RUNNING"
    play.complete("b")
    assert play.error == "join_deadlock"
    assert play.statuses["x"] == "FAILED"
    assert play.statuses["y"] == "COMPLETED"


def test_two_joins_that_wait_for_each_other_are_a_deadlock() -> None:
    play = forked(
        fork(to("one", "x"), to("two", "y")),
        meet("one", branches=["y"]),
        meet("two", branches=["x"]),
    )
    assert play.error == "join_deadlock"
    assert play.statuses == {"main": "COMPLETED", "x": "FAILED", "y": "FAILED"}


def test_too_few_branches_for_a_count_without_a_list_are_a_deadlock() -> None:
    play = forked(
        fork(to("a", "a"), to("gate", "b")),
        step("a"),
        meet("gate", count=2),
    )
    play.complete("a")
    assert play.error == "join_deadlock"


def test_a_dormant_branch_elsewhere_is_no_deadlock() -> None:
    play = forked(
        fork(to("ear", "a"), to("gate", "b")),
        listen("ear"),
        meet("gate", branches=["a"]),
    )
    assert play.state.status == "SUSPENDED"
    play.signal("ear")
    assert play.state.status == "COMPLETED"


def test_a_deadlock_leaves_nothing_behind() -> None:
    play = forked(
        fork(to("a", "train", "false"), to("gate", "x")),
        step("a"),
        meet("gate", branches=["train"]),
    )
    assert play.state.live == {}
    assert all(join.waiting == [] for join in play.state.joins.values())
