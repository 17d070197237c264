"""Follow-ups: what is started when an execution completes (semantics 11.5)."""

from __future__ import annotations

import pytest

from branchline.engine import ExecutionClosed, Link, Status
from branchline.engine.events import ExecutionCompleted, FollowUpRequested

from .family import Family, Parent
from .playing import MINUTE, Json, nap, step

BREAD = {"workflow": "bread"}


def over(*follow_ups: Json, result: Json = None, **fields: Json) -> Parent:
    """An execution with follow-ups, whose only step has ended; its output is ``got``."""
    fields = {"outputs": [{"name": "got"}], **fields}
    play = Parent(step("work", store="got"), follow_ups=list(follow_ups), **fields)
    play.complete("work", result)
    return play


def told(play: Parent) -> list[tuple[str, str, str]]:
    """What has become of the follow-ups: workflow, id, type of error."""
    return [
        (item.workflow, item.execution, item.error.type if item.error else "")
        for item in play.state.follow_ups
    ]


def test_the_execution_completes_when_all_have_begun() -> None:
    play = over(BREAD, {"workflow": "cake"}, result=1)
    assert (play.state.end, play.asked) == (None, [1, 2])
    play.begin(2)
    assert play.state.end is None
    play.begin(1)
    assert told(play) == [("cake", "child_2", ""), ("bread", "child_1", "")]
    assert (play.state.status, play.outputs) == (Status.COMPLETED, {"got": 1})


def test_they_are_asked_for_in_their_order_where_the_condition_holds() -> None:
    play = over(
        BREAD | {"condition": "outputs.got > 2"},
        {"workflow": "cake", "condition": "outputs.got > 1 && inputs.n == 7"},
        {"workflow": "pie", "inputs": {"n": "${inputs.n + outputs.got}", "by": "${execution.id}"}},
        result=2,
        inputs=[{"name": "n"}],
        given={"n": 7},
    )
    assert [event.workflow for event in play.events(FollowUpRequested)] == ["cake", "pie"]
    assert play.child_inputs(2) == {"n": 9, "by": "exec_1"}


def test_without_any_that_holds_the_execution_completes_at_once() -> None:
    play = over(BREAD | {"condition": "false"})
    assert (play.state.status, told(play)) == (Status.COMPLETED, [])


def test_what_cannot_be_evaluated_is_told_and_spares_the_others() -> None:
    play = over(
        BREAD | {"condition": "outputs.nothing"},
        {"workflow": "cake", "inputs": {"n": "${1 / 0}"}},
        {"workflow": "pie"},
    )
    play.begin()
    assert play.state.status is Status.COMPLETED
    error = "expression_error"
    assert told(play) == [("bread", "", error), ("cake", "", error), ("pie", "child_1", "")]


def test_one_that_fails_alone_keeps_nobody_from_completing() -> None:
    play = over(BREAD | {"condition": "outputs.nothing"})
    assert (play.state.status, len(told(play))) == (Status.COMPLETED, 1)


def test_one_that_is_refused_changes_no_status() -> None:
    play = over(BREAD)
    play.refuse()
    assert told(play) == [("bread", "", "child_start_failed")]
    assert play.state.status is Status.COMPLETED


def test_deep_down_none_is_started() -> None:
    play = over(BREAD | {"condition": "false"}, BREAD, link=Link("parent", 32))
    assert told(play) == [("bread", "", "child_depth")]
    assert play.state.status is Status.COMPLETED


@pytest.mark.parametrize("end", [lambda play: play.fail("work"), Parent.cancel])
def test_only_one_that_completes_has_them(end: Json) -> None:
    play = Parent(step("work"), follow_ups=[BREAD])
    end(play)
    assert (play.asked, told(play)) == ([], [])


def test_missing_outputs_ask_for_none() -> None:
    play = over(BREAD, outputs=[{"name": "other"}])
    assert (play.error, play.asked) == ("output_error", [])


def test_a_cancellation_while_they_are_asked_for_calls_them_off() -> None:
    play = over(BREAD)
    play.cancel()
    assert (play.state.status, play.asked) == (Status.CANCELED, [])
    assert play.begin(1) == []
    assert told(play) == []


def test_what_comes_while_they_are_asked_for_changes_nothing() -> None:
    play = over(BREAD)
    play.signal("bell")
    assert play.wake(MINUTE) == []
    assert (play.asked, play.state.status) == ([1], Status.RUNNING)
    play.begin()
    assert play.begin(1) == []
    assert len(play.events(ExecutionCompleted)) == len(told(play)) == 1


def test_what_is_about_to_complete_is_not_paused() -> None:
    play = over(BREAD)
    for act in (play.pause, play.unpause):
        with pytest.raises(ExecutionClosed, match="no branch is left"):
            act()
    play.begin()
    assert play.state.status is Status.COMPLETED


def test_a_retry_after_the_deadline_asks_for_them_again() -> None:
    play = over(BREAD, BREAD | {"condition": "outputs.nothing"}, limit=MINUTE)
    play.wake(MINUTE)
    assert (play.error, play.asked) == ("timeout", [])
    play.retry()
    assert play.asked == [2]
    play.begin()
    assert play.state.status is Status.COMPLETED
    assert told(play) == [("bread", "", "expression_error"), ("bread", "child_2", "")]


def test_follow_ups_are_one_deeper_and_their_end_moves_nobody() -> None:
    family = Family(
        bakery={"steps": [nap("rise")], "follow_ups": [BREAD, {"workflow": "nothing"}]},
        bread={"steps": [nap("rise")]},
    )
    family.start("bakery").advance()
    family.settle()
    assert family.statuses() == {"bakery_1": "COMPLETED", "bread_2": "SUSPENDED"}
    assert (family.plays["bread_2"].state.parent, family.plays["bread_2"].state.depth) == (
        "bakery_1",
        1,
    )
    family.plays["bread_2"].cancel()
    family.settle()
    assert family.statuses()["bakery_1"] == "COMPLETED"


def test_a_workflow_that_follows_itself_ends_at_the_depth() -> None:
    family = Family(bakery={"steps": [nap("rise")], "follow_ups": [{"workflow": "bakery"}]})
    family.start("bakery")
    for _ in range(40):
        for play in list(family.plays.values()):
            if play.state.end is None:
                play.advance()
        family.settle()
    assert len(family.plays) == 33
    assert {play.state.status for play in family.plays.values()} == {Status.COMPLETED}
