"""Step visits tell of the children that their steps wait for (semantics 12.4)."""

from __future__ import annotations

from branchline.engine import Status
from branchline.engine.events import Failure
from branchline.engine.failures import CHILD_TOO_LATE
from branchline.engine.step_visit import StepVisit
from branchline.engine.visits import StepVisits

from .family import Parent, spawn
from .playing import MINUTE, step

THREE = {"items": [1, 2, 3]}


def only(play: Parent) -> StepVisit:
    """The only visit of a play."""
    folded = StepVisits()
    for number, (time, event) in enumerate(play.history, start=1):
        folded.take(number, time, event)
    [visit] = folded.visits
    return visit


def test_items_are_done_as_their_children_complete() -> None:
    play = Parent(spawn("bake", each=THREE))
    play.begin()
    assert only(play).status is Status.SUSPENDED
    play.close(2)
    visit = only(play)
    assert (visit.items, visit.items_done) == (3, 1)
    assert visit.children == ["child_1", "child_2", "child_3"]


def test_children_that_nobody_waits_for_are_done_when_they_begin() -> None:
    play = Parent(spawn("bake", each=THREE, wait=False))
    play.begin(1, 2)
    assert (only(play).status, only(play).items_done) == (Status.RUNNING, 2)


def test_a_child_that_takes_too_long_leaves_its_error() -> None:
    play = Parent(spawn("bake", timeout=MINUTE))
    play.begin()
    play.advance()
    assert (only(play).status, only(play).error) == (Status.FAILED, CHILD_TOO_LATE)


def test_children_that_are_stopped_leave_no_wait() -> None:
    play = Parent(spawn("bake", each=THREE))
    play.begin()
    play.lose(2)
    visit = only(play)
    assert (visit.status, visit.error) == (Status.FAILED, Failure("burnt", "too hot"))
    play.retry()
    assert only(play).status is Status.RUNNING


def test_children_of_other_visits_change_nothing() -> None:
    play = Parent(step("look", "bake"), spawn("bake", "again"), spawn("again"))
    play.complete("look")
    play.begin()
    play.close(1)
    play.begin()
    play.cancel()
    folded = StepVisits(most=1)
    for number, (time, event) in enumerate(play.history, start=1):
        folded.take(number, time, event)
    [visit] = folded.visits
    assert (visit.step, visit.status, visit.children) == ("look", Status.COMPLETED, [])
