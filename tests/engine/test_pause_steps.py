"""Steps that hold their branch until it is unpaused (semantics 10.4)."""

from __future__ import annotations

import pytest

from branchline.engine.events import BranchPaused, StepCompleted

from .playing import Play, halt, step, to


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
