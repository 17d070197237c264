"""What the engine refuses, and that nothing changes by it (semantics 4.11, 7.3)."""

from __future__ import annotations

import pytest

from branchline.engine import (
    AnyCommand,
    Cancel,
    CompleteTask,
    ExecutionClosed,
    FailTask,
    InvalidHistory,
    Refused,
    Signal,
    Status,
    TaskGone,
    Wake,
    fold,
    refuse_closed,
)
from branchline.engine.events import (
    BranchCompleted,
    BranchResumed,
    BranchStarted,
    Event,
    ExecutionStarted,
    Failure,
    JoinPassed,
    JoinReached,
    SignalConsumed,
    SignalReceived,
    StepStarted,
    TaskCompleted,
    TaskFailed,
    TasksWithdrawn,
)

from .playing import ID, Play, step


def complete(task: int) -> CompleteTask:
    return CompleteTask(task=task)


def fail(task: int) -> FailTask:
    return FailTask(task=task, error=Failure("late"))


def gone(play: Play, task: int) -> None:
    """Neither outcome of a task is taken any more; the kit checks that nothing has changed."""
    for command in (complete(task), fail(task)):
        with pytest.raises(TaskGone, match=str(task)):
            play.send(command)


def test_a_task_has_one_outcome() -> None:
    play = Play(step("a", "b"), step("b"))
    play.complete("a")
    gone(play, task=1)
    assert [task.activity for task in play.tasks] == ["b"]


def test_a_failed_attempt_has_no_second_outcome() -> None:
    play = Play(step("a", retry=[{}]))
    play.fail("a")
    gone(play, task=1)
    play.advance()
    gone(play, task=1)
    assert play.task("a").attempt == 2


def test_a_withdrawn_task_has_no_outcome() -> None:
    catch = [{"error_equals": ["all"], "next": "home"}]
    play = Play(step("a", each={"items": [1, 2]}, catch=catch), step("home"))
    play.fail("a", item=1)
    gone(play, task=1)


def test_a_task_that_was_never_there_has_no_outcome() -> None:
    gone(Play(step("a")), task=2)


def closed(status: Status) -> Play:
    play = Play(step("a"))
    match status:
        case Status.COMPLETED:
            play.complete("a")
        case Status.FAILED:
            play.fail("a")
        case _:
            play.cancel()
    assert play.state.status is status
    return play


COMMANDS: list[AnyCommand] = [complete(1), fail(1), Signal(topic="bell"), Cancel()]


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELED])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_closed_execution_takes_no_commands(status: Status, command: AnyCommand) -> None:
    """But cancelling what is cancelled changes nothing."""
    play = closed(status)
    if status is Status.CANCELED and isinstance(command, Cancel):
        assert play.send(command) == []
        return
    with pytest.raises(ExecutionClosed, match=str(status)):
        play.send(command)
    with pytest.raises(ExecutionClosed, match=str(status)):
        refuse_closed(status, command)


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELED])
def test_a_late_wake_of_a_closed_execution_is_no_error(status: Status) -> None:
    assert closed(status).send(Wake()) == []


def test_refusals_are_of_one_family() -> None:
    assert issubclass(ExecutionClosed, Refused)
    assert issubclass(TaskGone, Refused)


# Damaged histories

STARTED = ExecutionStarted(workflow="bakery", version=1)


@pytest.mark.parametrize(
    "event",
    [
        BranchStarted(branch="b", parent="nobody"),
        BranchStarted(branch="b-x", parent="main"),
        BranchCompleted(branch="nobody"),
        StepStarted(branch="nobody", step="a"),
        TaskCompleted(task=1),
        TaskFailed(task=1, error=Failure("late")),
        TasksWithdrawn(tasks=(1,)),
        JoinReached(branch="nobody"),
        JoinPassed(branch="main"),
        BranchResumed(branch="main"),
        SignalConsumed(branch="main", signal=1),
    ],
    ids=lambda event: f"{type(event).__name__} {getattr(event, 'branch', '')}",
)
def test_an_event_that_can_not_follow_tells_that_the_history_is_damaged(event: Event) -> None:
    with pytest.raises(InvalidHistory, match=r"event 2 of exec_1"):
        fold(ID, [(0, STARTED), (1, event)])


def test_a_signal_that_nobody_waits_for_can_not_be_consumed() -> None:
    events = [STARTED, SignalReceived(signal=1, topic="x"), SignalConsumed(branch="main", signal=1)]
    with pytest.raises(InvalidHistory, match=r"event 3"):
        fold(ID, [(0, event) for event in events])
