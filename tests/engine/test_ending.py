"""How executions end: outputs, failures, cancelling and time limits (semantics 2.3, 4.4-4.12)."""

from __future__ import annotations

import pytest

from branchline.engine.definition import SECOND
from branchline.engine.events import (
    ExecutionCanceled,
    ExecutionCompleted,
    ExecutionStarted,
    TasksWithdrawn,
)

from .invariants import check_nothing_is_left
from .playing import MINUTE, Json, Play, listen, meet, nap, step, to


def harvest(*outputs: Json) -> Play:
    """A completed execution with the branches `main` and `pickers`."""
    play = Play(
        step("survey", to("pick", "pickers"), store="field"),
        step("pick", store="haul"),
        outputs=outputs,
        state={"year": 5},
    )
    play.complete("survey", {"crop": "plums", "rows": {"long": 12, "short": None}})
    play.complete("pick", {"crates": {"full": 7}})
    return play


# Starting


def test_the_first_branch_has_the_workflows_state() -> None:
    play = Play(step("a"), state={"n": 1, "deep": {"list": [None, 1.0]}})
    assert play.statuses == {"main": "RUNNING"}
    assert play.variables() == {"n": 1, "deep": {"list": [None, 1.0]}}
    [started] = play.events(ExecutionStarted)
    assert (started.workflow, started.version) == ("bakery", 1)


def test_two_executions_of_a_plan_share_nothing() -> None:
    play = Play(step("a"), state={"n": 1})
    play.complete("a", patch={"n": 2})
    assert play.plan.state == {"n": play.plan.state["n"]}
    assert bytes(play.plan.state["n"]) == b"1"


# Outputs


def test_outputs_are_read_from_branches_and_from_inside_of_objects() -> None:
    play = harvest(
        {"name": "year"},
        {"name": "crop", "variable": "field.crop"},
        {"name": "long", "variable": "field.rows.long"},
        {"name": "none", "variable": "field.rows.short"},
        {"name": "crates", "variable": "haul.crates.full", "branch": "pickers"},
        {"name": "field.crop", "branch": "pickers"},
    )
    assert play.state.status == "COMPLETED"
    assert play.outputs == {
        "year": 5,
        "crop": "plums",
        "long": 12,
        "none": None,
        "crates": 7,
        "field.crop": "plums",
    }
    [completed] = play.events(ExecutionCompleted)
    assert completed.outputs == play.state.outputs


@pytest.mark.parametrize(
    "output",
    [
        {"name": "missing"},
        {"name": "haul"},
        {"name": "field.crop.size"},
        {"name": "field.rows.none"},
        {"name": "field", "branch": "nobody"},
    ],
)
def test_a_missing_output_fails_the_execution(output: Json) -> None:
    play = harvest({"name": "year"}, output)
    assert play.error == "output_error"
    assert play.state.error is not None
    assert f'"{output["name"]}"' in play.state.error.message
    assert play.outputs == {}
    assert play.statuses == {"main": "COMPLETED", "pickers": "COMPLETED"}


def test_all_missing_outputs_are_named() -> None:
    play = harvest({"name": "x", "variable": "a.b"}, {"name": "y", "branch": "pickers"})
    assert play.state.error is not None
    assert '"x" (variable "a.b" of "main")' in play.state.error.message
    assert '"y" (variable "y" of "pickers")' in play.state.error.message


def test_an_execution_ends_with_its_last_branch() -> None:
    play = Play(step("go", to("a", "a"), to("b", "b")), step("a"), step("b"))
    play.complete("go")
    play.complete("b")
    assert play.state.end is None
    play.now = 7
    play.complete("a")
    assert play.state.status == "COMPLETED"
    assert play.state.close_time == 7


# Failures


def busy(**fields: Json) -> Play:
    """Branches that work, wait, sleep, stand at a join, and are between two attempts."""
    play = Play(
        step("go", to("a", "a"), to("b", "b"), to("c", "c"), to("d", "d"), to("e", "e")),
        step("a"),
        listen("b"),
        nap("c"),
        meet("d", branches=["a"]),
        step("e", each={"items": [1, 2]}, retry=[{"error_equals": ["busy"]}]),
        **fields,
    )
    play.complete("go")
    play.fail("e", "busy", item=0)
    return play


def test_one_failure_stops_all_other_branches() -> None:
    play = busy()
    play.now = 9
    play.fail("a", "burnt", "too hot")
    assert play.statuses == {
        "main": "COMPLETED",
        "a": "FAILED",
        **dict.fromkeys("bcde", "CANCELED"),
    }
    assert play.error == "burnt"
    assert play.state.close_time == 9
    [withdrawn] = play.events(TasksWithdrawn)
    assert withdrawn.tasks == (4,)
    check_nothing_is_left(play.state)


def test_a_failure_among_due_timers_stops_those_behind_it() -> None:
    play = Play(
        step("go", to("bell", "a"), to("doze", "b")),
        listen("bell", timeout=SECOND),
        nap("doze", duration=SECOND),
    )
    play.complete("go")
    play.advance()
    assert play.error == "timeout"
    assert play.statuses == {"main": "COMPLETED", "a": "FAILED", "b": "CANCELED"}


def test_branches_that_were_about_to_start_are_stopped_too() -> None:
    """The first of two new branches fails before the second has entered its step."""
    play = Play(
        step("go", to("a", "a"), to("b", "b")),
        step("a", parameters={"n": "${1 / 0}"}),
        step("b"),
    )
    play.complete("go")
    assert play.error == "expression_error"
    assert play.statuses == {"main": "COMPLETED", "a": "FAILED", "b": "CANCELED"}
    assert play.visits("b") == []


# Cancelling


def test_cancelling_stops_everything() -> None:
    play = busy()
    play.cancel()
    assert play.state.status == "CANCELED"
    assert play.state.error is None
    assert play.statuses == {"main": "COMPLETED", **dict.fromkeys("abcde", "CANCELED")}
    [withdrawn] = play.events(TasksWithdrawn)
    assert withdrawn.tasks == (2, 4)
    [canceled] = play.events(ExecutionCanceled)
    assert canceled.reason == "enough"
    check_nothing_is_left(play.state)


def test_cancelling_twice_changes_nothing() -> None:
    play = Play(step("a"))
    play.cancel()
    assert play.cancel() == []


# Time limits


def test_an_execution_that_lives_too_long_fails() -> None:
    play = busy(timeout=5 * SECOND)
    assert play.wake(4 * SECOND) != []
    play.wake(5 * SECOND)
    assert play.error == "timeout"
    assert play.statuses == {"main": "COMPLETED", **dict.fromkeys("abcde", "CANCELED")}
    check_nothing_is_left(play.state)


def test_a_start_may_give_a_time_limit_of_its_own() -> None:
    for limit in (SECOND, 9 * SECOND):
        play = Play(nap("doze"), limit=limit, timeout=5 * SECOND)
        assert play.advance() == limit
        assert play.error == "timeout"


def test_no_catch_takes_the_time_limit_of_the_whole() -> None:
    catch = [{"error_equals": ["all"], "next": "home"}]
    play = Play(step("a", retry=[{}], catch=catch), step("home"), timeout=SECOND)
    play.advance()
    assert play.error == "timeout"
    assert play.visits() == ["a"]


def test_what_came_due_before_the_time_limit_happens_first_even_when_woken_late() -> None:
    """A server that was down for a while makes no difference."""
    play = Play(nap("doze", duration=SECOND), timeout=2 * SECOND)
    play.wake(MINUTE)
    assert play.state.status == "COMPLETED"
    play = Play(nap("doze", duration=3 * SECOND), timeout=2 * SECOND)
    play.wake(MINUTE)
    assert play.error == "timeout"


def test_an_execution_that_ends_in_time_has_no_time_limit_left() -> None:
    play = Play(step("a"), timeout=SECOND)
    play.complete("a")
    check_nothing_is_left(play.state)
    assert play.wake(MINUTE) == []
