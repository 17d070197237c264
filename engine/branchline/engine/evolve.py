"""What an event changes. The only place where a state changes.

Rules of this file: a handler applies what its event says and decides nothing; it needs no
definition, so that a history can be read back without one; and the same events give the
same state, whether they happen now or are read back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from branchline.engine import events as e
from branchline.engine import paths
from branchline.engine.definition import MAIN
from branchline.engine.errors import InvalidHistory
from branchline.engine.state import (
    DEADLINE,
    Attempt,
    Branch,
    Execution,
    JoinState,
    Outcome,
    SignalWait,
    Status,
    StoredSignal,
    TaskRef,
    Visit,
    timer_key,
)
from branchline.engine.values import Json, encode, list_of


def evolve(state: Execution, event: e.Event, time: int) -> None:
    """Apply an event that happened at ``time`` (microseconds since the epoch).

    Raises ``InvalidHistory`` when the event cannot follow on the state.
    """
    try:
        _HANDLERS[type(event)](state, event, time)
    except (KeyError, IndexError, ValueError) as error:
        message = f"event {state.sequence + 1} of {state.id} does not fit: {event!r}"
        raise InvalidHistory(message) from error
    state.sequence += 1


def fold(execution_id: str, history: Iterable[tuple[int, e.Event]]) -> Execution:
    """The state after a whole history of (time, event) pairs (semantics 12.1).

    Raises ``InvalidHistory`` when the events do not follow from each other.
    """
    state = Execution(id=execution_id)
    for time, event in history:
        evolve(state, event, time)
    return state


def error_document(error: e.Failure) -> bytes:
    """What a catch stores (semantics 8.4)."""
    return bytes(encode({"Error": error.type, "Cause": error.message, "Details": error.details}))


# Executions


def _execution_started(state: Execution, event: e.ExecutionStarted, time: int) -> None:
    state.workflow, state.version = event.workflow, event.version
    state.inputs, state.start_time = event.inputs, time
    _add_branch(state, Branch(id=MAIN, name=MAIN, variables=dict(event.state)))
    if event.deadline is not None:
        state.timers.start(DEADLINE, event.deadline)


def _execution_completed(state: Execution, event: e.ExecutionCompleted, time: int) -> None:
    state.outputs = event.outputs
    _close(state, Status.COMPLETED, time)


def _execution_failed(state: Execution, event: e.ExecutionFailed, time: int) -> None:
    state.error = event.error
    _close(state, Status.FAILED, time)


def _execution_canceled(state: Execution, _event: e.ExecutionCanceled, time: int) -> None:
    _close(state, Status.CANCELED, time)


def _close(state: Execution, status: Status, time: int) -> None:
    state.end, state.close_time = status, time
    state.timers.stop(DEADLINE)


# Branches


def _branch_started(state: Execution, event: e.BranchStarted, _time: int) -> None:
    parent = state.branches[event.parent]
    parent.forked = True
    if not event.name:
        state.next_branch = int(event.branch.rpartition("-")[2]) + 1
    _add_branch(
        state,
        Branch(
            id=event.branch,
            name=event.name,
            parent=event.parent,
            variables=dict(parent.variables),
        ),
    )


def _branch_completed(state: Execution, event: e.BranchCompleted, _time: int) -> None:
    _end_branch(state, state.branches[event.branch], Status.COMPLETED)


def _branch_failed(state: Execution, event: e.BranchFailed, _time: int) -> None:
    branch = state.branches[event.branch]
    branch.error = event.error
    _end_branch(state, branch, Status.FAILED)


def _branch_canceled(state: Execution, event: e.BranchCanceled, _time: int) -> None:
    _end_branch(state, state.branches[event.branch], Status.CANCELED)


def _add_branch(state: Execution, branch: Branch) -> None:
    state.branches[branch.id] = branch
    state.latest[branch.label] = branch.id
    state.live[branch.status] = state.live.get(branch.status, 0) + 1


def _set_status(state: Execution, branch: Branch, status: Status) -> None:
    live = state.live
    live[branch.status] -= 1
    if not live[branch.status]:
        del live[branch.status]
    branch.status = status
    if not status.closed:
        live[status] = live.get(status, 0) + 1


def _end_branch(state: Execution, branch: Branch, status: Status) -> None:
    if branch.status is Status.WAITING:
        state.joins[branch.step].waiting.remove(branch.id)
    _leave_visit(state, branch)
    _set_status(state, branch, status)


def _leave_visit(state: Execution, branch: Branch) -> None:
    _stop_waiting(state, branch)
    state.timers.stop(timer_key(branch.id))
    for item in branch.visit.attempts:
        state.timers.stop(timer_key(branch.id, item))
    branch.sleep_until = None
    branch.visit = Visit()


def _stop_waiting(state: Execution, branch: Branch) -> None:
    if branch.wait is None:
        return
    waiters = state.waiters[branch.wait.topic]
    waiters.remove(branch.id)
    if not waiters:
        del state.waiters[branch.wait.topic]
    branch.wait = None
    state.timers.stop(timer_key(branch.id))


# Steps


def _step_started(state: Execution, event: e.StepStarted, _time: int) -> None:
    branch = state.branches[event.branch]
    branch.step = event.step


def _step_completed(state: Execution, event: e.StepCompleted, _time: int) -> None:
    branch = state.branches[event.branch]
    visit = branch.visit
    for item in sorted(visit.outcomes):
        outcome = visit.outcomes[item]
        branch.variables.update(outcome.set)
        for name in outcome.remove:
            branch.variables.pop(name, None)
    if event.store:
        branch.variables[event.store] = _result(visit)
    _leave_visit(state, branch)
    if branch.status is not Status.RUNNING:
        _set_status(state, branch, Status.RUNNING)


def _result(visit: Visit) -> Json:
    if visit.items is not None:
        return list_of([visit.outcomes[item].result for item in range(len(visit.items))])
    return visit.outcomes[0].result if visit.outcomes else visit.received


def _step_failed(state: Execution, event: e.StepFailed, _time: int) -> None:
    branch = state.branches[event.branch]
    if event.store:
        branch.variables[event.store] = Json(error_document(event.error))
    _leave_visit(state, branch)
    if branch.status is not Status.RUNNING:
        _set_status(state, branch, Status.RUNNING)


def _items_listed(state: Execution, event: e.ItemsListed, _time: int) -> None:
    state.branches[event.branch].visit.items = event.items


# Attempts


def _task_scheduled(state: Execution, event: e.TaskScheduled, _time: int) -> None:
    item = event.item or 0
    visit = state.branches[event.branch].visit
    attempt = visit.attempts.setdefault(item, Attempt())
    attempt.task = event.task
    visit.next_item = max(visit.next_item, item + 1)
    state.tasks[event.task] = TaskRef(event.branch, item)
    state.next_task = event.task + 1
    state.timers.stop(timer_key(event.branch, item))


def _task_completed(state: Execution, event: e.TaskCompleted, _time: int) -> None:
    ref = state.tasks.pop(event.task)
    visit = state.branches[ref.branch].visit
    del visit.attempts[ref.item]
    visit.outcomes[ref.item] = Outcome(event.result, event.set, event.remove)


def _task_failed(state: Execution, event: e.TaskFailed, _time: int) -> None:
    ref = state.tasks.pop(event.task)
    state.branches[ref.branch].visit.attempts[ref.item].task = None


def _tasks_withdrawn(state: Execution, event: e.TasksWithdrawn, _time: int) -> None:
    for task in event.tasks:
        ref = state.tasks.pop(task)
        state.branches[ref.branch].visit.attempts[ref.item].task = None


def _retry_scheduled(state: Execution, event: e.RetryScheduled, _time: int) -> None:
    item = event.item or 0
    attempt = state.branches[event.branch].visit.attempts.setdefault(item, Attempt())
    attempt.number, attempt.policy = event.attempt, event.policy
    state.timers.start(timer_key(event.branch, item), event.due)


# Signals and sleep


def _signal_received(state: Execution, event: e.SignalReceived, _time: int) -> None:
    state.signals.setdefault(event.topic, []).append(StoredSignal(event.signal, event.payload))
    state.next_signal = event.signal + 1
    if event.signal_id:
        state.signal_ids.add(event.signal_id)


def _signal_awaited(state: Execution, event: e.SignalAwaited, _time: int) -> None:
    branch = state.branches[event.branch]
    branch.wait = SignalWait(event.topic, event.until)
    state.waiters.setdefault(event.topic, []).append(branch.id)
    state.timers.start(timer_key(branch.id), event.until)
    _set_status(state, branch, Status.SUSPENDED)


def _signal_consumed(state: Execution, event: e.SignalConsumed, _time: int) -> None:
    branch = state.branches[event.branch]
    if branch.wait is None:
        raise ValueError(event.branch)
    stored = state.signals[branch.wait.topic]
    branch.visit.received = stored.pop(0).payload
    if not stored:
        del state.signals[branch.wait.topic]
    _stop_waiting(state, branch)
    _set_status(state, branch, Status.RUNNING)


def _wait_timed_out(state: Execution, event: e.WaitTimedOut, _time: int) -> None:
    branch = state.branches[event.branch]
    _stop_waiting(state, branch)
    _set_status(state, branch, Status.RUNNING)


def _sleep_started(state: Execution, event: e.SleepStarted, _time: int) -> None:
    branch = state.branches[event.branch]
    branch.sleep_until = event.until
    state.timers.start(timer_key(branch.id), event.until)
    _set_status(state, branch, Status.SUSPENDED)


# Joins


def _join_reached(state: Execution, event: e.JoinReached, _time: int) -> None:
    branch = state.branches[event.branch]
    state.joins.setdefault(branch.step, JoinState()).waiting.append(branch.id)
    _set_status(state, branch, Status.WAITING)


def _join_passed(state: Execution, event: e.JoinPassed, _time: int) -> None:
    branch = state.branches[event.branch]
    join = state.joins[branch.step]
    join.waiting.remove(branch.id)
    join.taken.update(event.taken)
    join.left_out.update(event.left_out)
    # All is read before anything is written: a branch may take from its own variables.
    copies = [(merge, _merged(state.branches[merge.branch], merge)) for merge in event.merges]
    for merge, document in copies:
        if document is not None:
            paths.write(branch.variables, merge.destination, document)
    _set_status(state, branch, Status.RUNNING)


def _merged(source: Branch, merge: e.Merge) -> Json | None:
    if merge.variable:
        return paths.read(source.variables, merge.variable)
    return encode(source.variables)


# Handlers take their own kind of event, which a dictionary by type cannot express.
_Handler = Callable[[Execution, Any, int], None]

_HANDLERS: dict[type[e.Event], _Handler] = {
    e.ExecutionStarted: _execution_started,
    e.ExecutionCompleted: _execution_completed,
    e.ExecutionFailed: _execution_failed,
    e.ExecutionCanceled: _execution_canceled,
    e.BranchStarted: _branch_started,
    e.BranchCompleted: _branch_completed,
    e.BranchFailed: _branch_failed,
    e.BranchCanceled: _branch_canceled,
    e.StepStarted: _step_started,
    e.StepCompleted: _step_completed,
    e.StepFailed: _step_failed,
    e.ItemsListed: _items_listed,
    e.TaskScheduled: _task_scheduled,
    e.TaskCompleted: _task_completed,
    e.TaskFailed: _task_failed,
    e.TasksWithdrawn: _tasks_withdrawn,
    e.RetryScheduled: _retry_scheduled,
    e.SignalReceived: _signal_received,
    e.SignalAwaited: _signal_awaited,
    e.SignalConsumed: _signal_consumed,
    e.WaitTimedOut: _wait_timed_out,
    e.SleepStarted: _sleep_started,
    e.JoinReached: _join_reached,
    e.JoinPassed: _join_passed,
}
