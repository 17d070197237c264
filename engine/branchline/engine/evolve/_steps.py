"""Events of steps."""

from __future__ import annotations

from branchline.engine import events as e
from branchline.engine.evolve._branches import leave_visit, set_status
from branchline.engine.evolve._times import forget_waiters, stop_times
from branchline.engine.state import MORE_ITEMS, Execution, Status, Visit, timer_key
from branchline.engine.values import Json, encode, list_of


def step_started(state: Execution, event: e.StepStarted, _time: int) -> None:
    """Apply ``StepStarted``."""
    branch = state.branches[event.branch]
    branch.step = event.step
    branch.visit.number = state.sequence + 1


def step_completed(state: Execution, event: e.StepCompleted, _time: int) -> None:
    """Apply ``StepCompleted``."""
    branch = state.branches[event.branch]
    visit = branch.visit
    for item in sorted(visit.outcomes):
        outcome = visit.outcomes[item]
        branch.variables.update(outcome.set)
        for name in outcome.remove:
            branch.variables.pop(name, None)
    if event.store:
        branch.variables[event.store] = _result(visit)
    leave_visit(state, branch)
    if branch.status is not Status.RUNNING:
        set_status(state, branch, Status.RUNNING)


def _result(visit: Visit) -> Json:
    if visit.items is not None:
        return list_of([visit.outcomes[item].result for item in range(len(visit.items))])
    return visit.outcomes[0].result if visit.outcomes else visit.received


def step_failed(state: Execution, event: e.StepFailed, _time: int) -> None:
    """Apply ``StepFailed``."""
    branch = state.branches[event.branch]
    if event.caught_by:
        if event.store:
            branch.variables[event.store] = _error_document(event.error)
        leave_visit(state, branch)
    else:
        # Kept for a retry: what is done stays done, the rest begins anew (4.9).
        forget_waiters(state, branch)
        stop_times(state, branch)
        branch.visit.attempts, branch.visit.waiting = {}, 0
        branch.visit.next_item = 0
    if branch.status is not Status.RUNNING:
        set_status(state, branch, Status.RUNNING)


def items_listed(state: Execution, event: e.ItemsListed, _time: int) -> None:
    """Apply ``ItemsListed``."""
    state.branches[event.branch].visit.items = event.items


def items_postponed(state: Execution, event: e.ItemsPostponed, time: int) -> None:
    """Apply ``ItemsPostponed``."""
    state.timers.start(timer_key(event.branch, MORE_ITEMS), time)


def items_resumed(state: Execution, event: e.ItemsResumed, _time: int) -> None:
    """Apply ``ItemsResumed``."""
    state.timers.stop(timer_key(event.branch, MORE_ITEMS))


def _error_document(error: e.Failure) -> Json:
    """What a catch stores (semantics 8.4)."""
    return encode({"Error": error.type, "Cause": error.message, "Details": error.details})
