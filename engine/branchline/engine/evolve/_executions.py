"""Events of executions."""

from __future__ import annotations

from branchline.engine import events as e
from branchline.engine.definition import MAIN
from branchline.engine.evolve._branches import add_branch
from branchline.engine.state import DEADLINE, REQUESTS, Branch, Execution, Status


def execution_started(state: Execution, event: e.ExecutionStarted, time: int) -> None:
    """Apply ``ExecutionStarted``."""
    state.workflow, state.version = event.workflow, event.version
    state.inputs, state.start_time, state.labels = event.inputs, time, event.labels
    state.parent, state.child, state.depth = event.parent, event.child, event.depth
    add_branch(state, Branch(id=MAIN, name=MAIN, variables=dict(event.state)))
    if event.deadline is not None:
        state.time_limit = event.deadline - time
        state.timers.start(DEADLINE, event.deadline)


def execution_completed(state: Execution, event: e.ExecutionCompleted, time: int) -> None:
    """Apply ``ExecutionCompleted``."""
    state.outputs = event.outputs
    _close(state, Status.COMPLETED, time)


def execution_failed(state: Execution, event: e.ExecutionFailed, time: int) -> None:
    """Apply ``ExecutionFailed``."""
    state.error = event.error
    _close(state, Status.FAILED, time)


def execution_canceled(state: Execution, _event: e.ExecutionCanceled, time: int) -> None:
    """Apply ``ExecutionCanceled``."""
    _close(state, Status.CANCELED, time)


def execution_retried(state: Execution, event: e.ExecutionRetried, _time: int) -> None:
    """Apply ``ExecutionRetried``."""
    state.end = state.error = state.close_time = None
    state.follow_ups = []
    if event.deadline is not None:
        state.timers.start(DEADLINE, event.deadline)


def _close(state: Execution, status: Status, time: int) -> None:
    state.end, state.close_time = status, time
    state.requests = {}
    state.timers.stop(DEADLINE)
    state.timers.stop(REQUESTS)
