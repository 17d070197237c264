"""Children: asked for, begun, waited for, and what becomes of their step (semantics 11.1-11.4)."""

from __future__ import annotations

import pytest

from branchline.engine import ChildClosed, ExecutionClosed, Link, Status
from branchline.engine.definition import SECOND
from branchline.engine.events import ChildStarted, ItemsPostponed

from .family import Family, Parent, catching, retrying, spawn
from .playing import MINUTE, Json, listen, nap, step

BREAD = spawn("bake", store="bread")


def test_a_child_is_asked_for_begins_and_gives_its_result() -> None:
    play = Parent(BREAD, state={"flour": 2})
    assert play.statuses == {"main": "RUNNING"}
    play.begin()
    assert (play.statuses, play.awaited) == ({"main": "SUSPENDED"}, ["child_1"])
    play.close(outputs={"loaves": [1, 2]}, duration=1_500_000)
    assert play.state.status is Status.COMPLETED
    assert play.variables()["bread"] == {
        "outputs": {"loaves": [1, 2]},
        "status": "COMPLETED",
        "execution_id": "child_1",
        "duration": 1.5,
        "success": True,
    }


def test_inputs_are_templates_and_a_version_is_passed_on() -> None:
    play = Parent(
        spawn("bake", version=3, inputs={"n": "${state.flour * 2}", "text": "of ${inputs.kind}"}),
        state={"flour": 2},
        inputs=[{"name": "kind"}],
        given={"kind": "rye"},
    )
    assert play.child_inputs() == {"n": 4, "text": "of rye"}
    assert play.state.requests[1].version == 3


def test_inputs_that_cannot_be_evaluated_fail_the_step_and_are_not_tried_again() -> None:
    play = Parent(spawn("bake", inputs={"n": "${state.nothing}"}, retry=retrying(3)))
    assert (play.error, play.asked) == ("expression_error", [])


def test_a_child_that_nobody_waits_for_gives_its_id_at_once() -> None:
    play = Parent(spawn("bake", wait=False, timeout=MINUTE, store="bread"))
    play.begin()
    assert play.state.status is Status.COMPLETED
    assert play.variables()["bread"] == {"execution_id": "child_1", "workflow_name": "bread"}
    assert [event.until for event in play.events(ChildStarted)] == [None]


def test_nobody_cares_when_a_child_that_lives_by_itself_ends_or_its_parent_does() -> None:
    play = Parent(spawn("bake", "rest", wait=False), listen("rest"))
    play.begin()
    assert play.lose() == []
    play.cancel()
    assert play.stopped == []


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (lambda play: play.lose(error_type="burnt"), "burnt"),
        (lambda play: play.lose(error_type="fatal_error"), "fatal_error"),
        (lambda play: play.call_off(), "child_canceled"),
        (lambda play: play.advance(), "timeout"),
    ],
)
def test_each_end_of_a_child_has_its_type_of_error(end: Json, error: str) -> None:
    play = Parent(spawn("bake", timeout=MINUTE))
    play.begin()
    end(play)
    assert (play.error, play.state.children) == (error, {})
    caught = Parent(spawn("bake", timeout=MINUTE, catch=catching(error)), step("rescue"))
    caught.begin()
    end(caught)
    assert caught.visits() == ["bake", "rescue"]
    assert caught.variables()["caught"]["Error"] == error


@pytest.mark.parametrize("wait", [True, False])
def test_a_child_that_cannot_be_started_fails_the_step(*, wait: bool) -> None:
    play = Parent(spawn("bake", wait=wait, retry=retrying(1)))
    play.refuse()
    play.advance()
    assert play.attempts == [(1, None, 1), (2, None, 2)]
    play.refuse(2)
    assert play.error == "child_start_failed"
    caught = Parent(spawn("bake", wait=wait, catch=catching("child_start_failed")), step("rescue"))
    caught.refuse()
    assert caught.visits() == ["bake", "rescue"]


@pytest.mark.parametrize("end", [Parent.lose, Parent.call_off])
def test_another_attempt_is_another_child(end: Json) -> None:
    play = Parent(spawn("bake", store="bread", retry=retrying(1, 5 * SECOND)))
    play.begin()
    end(play)
    assert (play.state.status, play.advance()) == (Status.RUNNING, 5 * SECOND)
    play.begin()
    play.close(2)
    assert play.variables()["bread"]["execution_id"] == "child_2"


def test_a_child_that_takes_too_long_is_cancelled_and_its_late_end_changes_nothing() -> None:
    play = Parent(spawn("bake", timeout=MINUTE, retry=retrying(1)))
    play.now = SECOND
    play.begin()
    assert play.advance() == MINUTE
    assert (play.stopped, play.awaited) == (["child_1"], [])
    assert play.call_off() == []
    play.advance()
    play.begin()
    assert play.awaited == ["child_2"]


def test_a_retry_policy_bounds_the_attempts_that_are_made_under_it() -> None:
    play = Parent(spawn("bake", timeout=MINUTE, retry=retrying(1, timeout=2 * SECOND)))
    play.begin()
    play.lose()
    play.advance()
    play.begin()
    assert [event.until for event in play.events(ChildStarted)] == [MINUTE, 2 * SECOND]


def test_a_child_without_a_time_limit_is_waited_for_without_end() -> None:
    play = Parent(BREAD)
    play.begin()
    assert play.state.timers.next_due() is None


def test_an_execution_deep_down_starts_no_child() -> None:
    deep = Parent(spawn("bake", retry=retrying(3)), link=Link("parent", 32, 1))
    assert (deep.error, deep.asked) == ("child_depth", [])
    caught = Parent(
        spawn("bake", catch=catching("child_depth")), step("rescue"), link=Link("parent", 32, 1)
    )
    assert caught.visits() == ["bake", "rescue"]
    assert Parent(BREAD, link=Link("parent", 31, 1)).asked == [1]


def test_what_is_told_twice_or_late_or_of_unknown_children_changes_nothing() -> None:
    play = Parent(spawn("bake", "rest"), listen("rest"))
    play.begin()
    assert play.close(7) == play.lose(7) == play.refuse(7) == play.refuse(1) == []
    play.begin(1, 7)
    play.close()
    told = [play.close(), play.lose(), play.call_off(), play.refuse()]
    assert told == [[], [], [], []]
    play.begin(1)
    assert len(play.events(ChildStarted)) == 1
    assert play.visits() == ["bake", "rest"]


def test_a_closed_execution_is_told_in_vain() -> None:
    play = Parent(BREAD)
    play.begin()
    play.cancel()
    assert play.send(ChildClosed(child=1, status=Status.CANCELED)) == []
    with pytest.raises(ExecutionClosed):
        play.signal("bell")


def test_a_family_ends_from_below() -> None:
    family = Family(
        bakery={
            "steps": [spawn("order", workflow="oven", store="got")],
            "outputs": [{"name": "got"}],
        },
        oven={"steps": [spawn("bake", store="done")], "outputs": [{"name": "done"}]},
        bread={"steps": [nap("rise")]},
    )
    family.start("bakery")
    assert set(family.statuses().values()) == {"SUSPENDED"}
    family.plays["bread_3"].advance()
    family.settle()
    assert set(family.statuses().values()) == {"COMPLETED"}
    result = family.plays["bakery_1"].outputs["got"]["outputs"]["done"]
    assert (result["execution_id"], result["duration"]) == ("bread_3", 60)
    assert [play.state.depth for play in family.plays.values()] == [0, 1, 2]


def test_a_cancellation_goes_down_and_a_child_of_its_own_lives_on() -> None:
    family = Family(
        bakery={"steps": [spawn("order", workflow="oven")]},
        oven={"steps": [spawn("clean", "bake", workflow="bread", wait=False), spawn("bake")]},
        bread={"steps": [nap("rise")]},
    )
    family.start("bakery").cancel()
    family.settle()
    assert family.statuses() == {
        "bakery_1": "CANCELED",
        "oven_2": "CANCELED",
        "bread_3": "SUSPENDED",
        "bread_4": "CANCELED",
    }


def test_a_recursion_without_end_ends_at_the_depth() -> None:
    family = Family(bakery={"steps": [spawn("again", workflow="bakery")]})
    family.start("bakery")
    assert len(family.plays) == 33
    assert {play.error for play in family.plays.values()} == {"child_depth"}


def test_thousands_of_children_begin_in_portions() -> None:
    play = Parent(
        spawn("bake", each={"items": "inputs.n"}, store="all"),
        given={"n": [*range(5000)]},
        inputs=[{"name": "n"}],
        audited=False,
    )
    sizes = []
    while play.asked:
        sizes.append(len(play.asked))
        play.begin()
        play.wake(play.now)
    assert sizes == [1000] * 5
    assert len(play.events(ItemsPostponed)) == 4
    for child in range(1, 5001):
        play.close(child)
    assert play.state.status is Status.COMPLETED
    assert [item["execution_id"] for item in play.variables()["all"]] == [
        f"child_{child}" for child in range(1, 5001)
    ]
    play.audit()
