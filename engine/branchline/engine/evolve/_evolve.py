"""Applies events, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from branchline.engine import events as e
from branchline.engine.errors import InvalidHistory
from branchline.engine.evolve import (
    _attempts,
    _branch_events,
    _children,
    _executions,
    _pauses,
    _steps,
    _waits,
)
from branchline.engine.state import DEADLINE, Execution


def evolve(state: Execution, event: e.Event, time: int) -> None:
    """Apply an event that happened at ``time`` (microseconds since the epoch).

    Raises ``InvalidHistory`` when the event cannot follow on the state.
    """
    try:
        _HANDLERS[type(event)](state, event, time)
    except (KeyError, IndexError, ValueError) as error:
        message = f"event {state.sequence + 1} of {state.id} does not fit: {event!r}"
        raise InvalidHistory(message) from error
    if state.deadline_left is not None or DEADLINE in state.timers.due:
        _pauses.keep_deadline(state, time)
    state.sequence += 1


def fold(execution_id: str, history: Iterable[tuple[int, e.Event]]) -> Execution:
    """The state after a whole history of (time, event) pairs (semantics 12.1).

    Raises ``InvalidHistory`` when the events do not follow from each other.
    """
    state = Execution(id=execution_id)
    for time, event in history:
        evolve(state, event, time)
    return state


# Handlers take their own kind of event, which a dictionary by type cannot express.
_Handler = Callable[[Execution, Any, int], None]

_HANDLERS: dict[type[e.Event], _Handler] = {
    e.ExecutionStarted: _executions.execution_started,
    e.ExecutionCompleted: _executions.execution_completed,
    e.ExecutionFailed: _executions.execution_failed,
    e.ExecutionCanceled: _executions.execution_canceled,
    e.ExecutionRetried: _executions.execution_retried,
    e.BranchResumed: _branch_events.branch_resumed,
    e.BranchStarted: _branch_events.branch_started,
    e.BranchCompleted: _branch_events.branch_completed,
    e.BranchFailed: _branch_events.branch_failed,
    e.BranchCanceled: _branch_events.branch_canceled,
    e.StepStarted: _steps.step_started,
    e.StepCompleted: _steps.step_completed,
    e.StepFailed: _steps.step_failed,
    e.ItemsListed: _steps.items_listed,
    e.ItemsPostponed: _steps.items_postponed,
    e.ItemsResumed: _steps.items_resumed,
    e.TaskScheduled: _attempts.task_scheduled,
    e.TaskCompleted: _attempts.task_completed,
    e.TaskWaiting: _waits.task_waiting,
    e.ValueRecorded: _attempts.value_recorded,
    e.TaskFailed: _attempts.task_failed,
    e.TasksWithdrawn: _attempts.tasks_withdrawn,
    e.RetryScheduled: _attempts.retry_scheduled,
    e.SignalReceived: _waits.signal_received,
    e.SignalAwaited: _waits.signal_awaited,
    e.SignalConsumed: _waits.signal_consumed,
    e.WaitTimedOut: _waits.wait_timed_out,
    e.SleepStarted: _waits.sleep_started,
    e.ChildRequested: _children.child_requested,
    e.ChildStarted: _children.child_started,
    e.ChildCompleted: _children.child_completed,
    e.ChildFailed: _children.child_failed,
    e.ChildTimedOut: _children.child_timed_out,
    e.ChildrenStopped: _children.children_stopped,
    e.FollowUpRequested: _children.follow_up_requested,
    e.FollowUpStarted: _children.follow_up_started,
    e.FollowUpFailed: _children.follow_up_failed,
    e.PauseRequested: _pauses.pause_requested,
    e.BranchPaused: _pauses.branch_paused,
    e.BranchUnpaused: _pauses.branch_unpaused,
    e.JoinReached: _branch_events.join_reached,
    e.JoinPassed: _branch_events.join_passed,
}
