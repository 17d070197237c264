"""Taking a failed execution up again (semantics 4.9)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from branchline.engine import NotRetryable, Retry
from branchline.engine.definition import SECOND
from branchline.engine.events import (
    BranchFailed,
    BranchResumed,
    ExecutionRetried,
    SignalAwaited,
    StepStarted,
    TaskScheduled,
)

from .invariants import check_nothing_is_left
from .mending import beside, fail_and_retry
from .playing import MINUTE, Json, Play, fork, forked, halt, listen, meet, nap, step, to

ONCE_MORE: Json = [{"max_retries": 1, "base_delay": 10 * SECOND}]


# The failed branch


def test_the_failed_step_begins_again_in_the_same_visit() -> None:
    play = Play(step("a", "b"), step("b", "c", store="x"), step("c"))
    play.complete("a")
    fail_and_retry(play, "b")
    assert play.state.status == "RUNNING"
    assert play.state.error is None
    assert play.state.close_time is None
    assert play.state.branches["main"].error is None
    assert play.visits() == ["a", "b"]
    play.complete("b", 1)
    play.complete("c")
    assert play.state.status == "COMPLETED"
    assert play.variables() == {"x": 1}


def test_a_retry_is_told_first_and_then_each_branch() -> None:
    play = beside(step("b"))
    play.fail("bad")
    events = play.retry()
    assert isinstance(events[0], ExecutionRetried)
    assert [event.branch for event in events if isinstance(event, BranchResumed)] == ["a", "b"]


def test_a_failed_step_has_a_fresh_budget_and_attempts_from_1() -> None:
    play = Play(step("a", retry=ONCE_MORE))
    for _ in range(2):
        assert play.task("a").attempt == 1
        play.fail("a", "broken")
        assert play.advance() == 10 * SECOND
        assert play.task("a").attempt == 2
        play.fail("a", "broken")
        assert play.error == "broken"
        play.retry()
    assert play.task("a").attempt == 1


def test_a_failed_step_picks_its_policy_anew() -> None:
    retry = [
        {"error_equals": ["busy"], "max_retries": 1, "base_delay": SECOND},
        {"error_equals": ["slow"], "max_retries": 1, "base_delay": MINUTE},
    ]
    play = Play(step("a", retry=retry))
    play.fail("a", "busy")
    play.advance()
    play.fail("a", "busy")
    play.retry()
    play.fail("a", "slow")
    assert play.advance() == MINUTE


def test_parameters_are_evaluated_again() -> None:
    play = Play(step("a", parameters={"n": "${state.n}"}), state={"n": 1})
    fail_and_retry(play, "a")
    assert play.parameters("a") == {"n": 1}
    assert [task.task for task in play.events(TaskScheduled)] == [1, 2]


def test_finished_items_keep_their_results_and_patches() -> None:
    each = {"items": [10, 20, 30], "as": "it", "max_concurrency": 2}
    play = Play(
        step("a", "end", each=each, parameters={"it": "${state.it}"}, store="all"), step("end")
    )
    play.complete("a", "zero", item=0, patch={"p": 0})
    play.fail("a", "broken", item=1)
    play.retry()
    assert [(task.item, task.attempt) for task in play.tasks] == [(1, 1), (2, 1)]
    assert play.parameters("a", 2) == {"it": 30}
    play.complete("a", "two", item=2, patch={"p": 2})
    play.complete("a", "one", item=1, patch={"q": 1})
    assert play.variables() == {"all": ["zero", "one", "two"], "p": 2, "q": 1}


def test_items_are_listed_once() -> None:
    play = Play(step("a", each={"items": "state.list"}), state={"list": [1, 2]})
    play.fail("a", item=0)
    play.retry()
    assert len(play.tasks) == 2
    assert len(play.state.branches["main"].visit.items or ()) == 2


def test_items_whose_list_failed_are_listed_again() -> None:
    play = Play(step("a", each={"items": "state.list"}))
    assert play.error == "expression_error"
    play.retry()
    assert play.error == "expression_error"
    assert len(play.events(BranchFailed)) == 2


def test_a_failed_wait_begins_again_with_its_whole_time() -> None:
    play = Play(listen("bell", "end", store="ring", timeout=SECOND), step("end"))
    play.advance()
    assert play.error == "timeout"
    play.now = MINUTE
    play.retry()
    assert [event.until for event in play.events(SignalAwaited)] == [SECOND, MINUTE + SECOND]
    play.signal("bell", 1)
    assert play.variables() == {"ring": 1}


def test_a_branch_that_failed_by_a_condition_looks_at_its_edges_again() -> None:
    """Its variables are as they were, so it fails again; the step is not run again."""
    play = Play(step("a", to("b", when="state.missing")), step("b"))
    play.complete("a")
    assert play.error == "expression_error"
    play.retry()
    assert play.error == "expression_error"
    assert play.tasks == []
    assert len(play.events(TaskScheduled)) == 1
    assert [event.at_edges for event in play.events(BranchFailed)] == [True, True]


def test_a_pause_step_whose_condition_failed_looks_at_its_edges_again() -> None:
    play = Play(halt("gate", to("b", when="state.missing")), step("b"))
    play.retry()
    assert play.error == "expression_error"
    assert len(play.events(BranchFailed)) == 2
    assert play.visits() == ["gate"]


def test_a_loop_without_end_begins_at_the_step_that_it_could_not_enter() -> None:
    play = Play(step("go", "gate"), meet("gate", "gate"), audited=False)
    play.complete("go")
    assert play.error == "endless_loop"
    visits = len(play.visits())
    play.retry()
    assert play.error == "endless_loop"
    assert len(play.visits()) == 2 * visits - 1
    play.audit()


# The clock of the whole


def test_a_retry_gives_the_same_time_again() -> None:
    play = Play(step("a"), timeout=5 * SECOND)
    play.advance()
    assert play.error == "timeout"
    play.now = MINUTE
    play.retry()
    [retried] = play.events(ExecutionRetried)
    assert retried.deadline == MINUTE + 5 * SECOND
    assert play.task("a").attempt == 1
    assert play.advance() == 5 * SECOND
    assert play.error == "timeout"


def test_a_retry_gives_the_time_that_the_start_gave() -> None:
    play = Play(step("a"), limit=SECOND, timeout=5 * SECOND)
    fail_and_retry(play, "a")
    assert play.advance() == SECOND


def test_without_a_time_limit_a_retry_has_none() -> None:
    play = Play(step("a"))
    fail_and_retry(play, "a")
    assert play.state.timers.next_due() is None


def test_the_clock_of_a_retry_stops_for_a_pause_too() -> None:
    play = Play(
        step("go", to("gate", "a"), to("b", "b")),
        halt("gate", "end"),
        step("b", "end"),
        step("end"),
        timeout=5 * SECOND,
    )
    play.complete("go")
    play.advance()
    assert play.error == "timeout"
    play.retry()
    assert play.state.timers.next_due() == play.now + 5 * SECOND
    play.pause("b")
    play.complete("b")
    assert play.state.timers.next_due() is None
    play.now += MINUTE
    play.unpause("b")
    assert play.advance() == 5 * SECOND


# Again and again


def test_a_retry_that_fails_at_once_leaves_the_others_where_they_were() -> None:
    play = Play(
        step("go", to("a", "a"), to("b", "b"), to("c", "c")),
        step("a", to("end", when="state.missing")),
        nap("b", duration=MINUTE),
        step("c"),
        step("end"),
    )
    play.complete("go")
    play.now = SECOND
    for number in range(3):
        if number == 0:
            play.complete("a")
        else:
            play.retry()
        assert play.error == "expression_error"
        assert play.statuses == {
            "main": "COMPLETED",
            "a": "FAILED",
            "b": "CANCELED",
            "c": "CANCELED",
        }
        check_nothing_is_left(play.state)
    assert play.state.branches["b"].stopped is not None
    assert list(play.state.branches["b"].stopped.left.values()) == [MINUTE - SECOND]


def test_an_execution_may_be_retried_as_often_as_it_fails() -> None:
    play = beside(nap("b", duration=MINUTE))
    for _ in range(3):
        play.now += SECOND
        fail_and_retry(play)
    assert play.advance() == MINUTE - 3 * SECOND
    play.complete("bad")
    assert play.state.status == "COMPLETED"
    assert [event.step for event in play.events(StepStarted)] == ["go", "bad", "b"]


def test_a_retried_execution_can_be_cancelled() -> None:
    play = beside(step("b"))
    fail_and_retry(play)
    play.cancel()
    assert play.state.status == "CANCELED"
    check_nothing_is_left(play.state)


# Refusals


def test_a_live_execution_is_refused() -> None:
    play = Play(step("a"))
    with pytest.raises(NotRetryable, match="RUNNING"):
        play.retry()


def test_a_completed_and_a_cancelled_execution_are_refused() -> None:
    completed, canceled = Play(step("a")), Play(step("a"))
    completed.complete("a")
    canceled.cancel()
    for play in (completed, canceled):
        with pytest.raises(NotRetryable, match=play.state.status):
            play.retry()


def deadlocked() -> Play:
    return forked(
        fork(to("gate", "a"), to("other", "b")),
        meet("gate", branches=["b"]),
        meet("other", branches=["a"]),
    )


def duplicate() -> Play:
    play = Play(step("go", to("a", "x"), to("go", "again")), step("a"))
    play.complete("go")
    play.complete("go")
    return play


def without_output() -> Play:
    play = Play(step("a"), outputs=[{"name": "missing"}])
    play.complete("a")
    return play


@pytest.mark.parametrize(
    ("play", "error"),
    [
        (deadlocked, "join_deadlock"),
        (duplicate, "duplicate_branch"),
        (without_output, "output_error"),
    ],
    ids=["join_deadlock", "duplicate_branch", "output_error"],
)
def test_what_a_retry_cannot_mend_is_refused(play: Callable[[], Play], error: str) -> None:
    failed = play()
    assert failed.error == error
    with pytest.raises(NotRetryable, match=error):
        failed.send(Retry())
