"""Events of attempts: tasks and retries."""

from __future__ import annotations

from branchline.engine import events as e
from branchline.engine.evolve._branches import mark_dormant
from branchline.engine.state import Attempt, AttemptRef, Execution, Memory, Outcome, timer_key


def task_scheduled(state: Execution, event: e.TaskScheduled, _time: int) -> None:
    """Apply ``TaskScheduled``."""
    item = event.item or 0
    branch = state.branches[event.branch]
    visit = branch.visit
    attempt = visit.attempts.setdefault(item, Attempt())
    attempt.task = event.task
    visit.next_item = max(visit.next_item, item + 1)
    state.tasks[event.task] = AttemptRef(event.branch, item)
    state.next_task = event.task + 1
    state.timers.stop(timer_key(event.branch, item))
    mark_dormant(state, branch)


def task_completed(state: Execution, event: e.TaskCompleted, _time: int) -> None:
    """Apply ``TaskCompleted``."""
    ref = state.tasks.pop(event.task)
    branch = state.branches[ref.branch]
    del branch.visit.attempts[ref.item]
    branch.visit.memories.pop(ref.item, None)
    branch.visit.outcomes[ref.item] = Outcome(event.result, event.set, event.remove)
    mark_dormant(state, branch)


def value_recorded(state: Execution, event: e.ValueRecorded, _time: int) -> None:
    """Apply ``ValueRecorded``."""
    ref = state.tasks[event.task]
    memories = state.branches[ref.branch].visit.memories
    memory = memories.setdefault(ref.item, Memory())
    memory.recorded = {**memory.recorded, event.key: event.value}


def task_failed(state: Execution, event: e.TaskFailed, _time: int) -> None:
    """Apply ``TaskFailed``."""
    ref = state.tasks.pop(event.task)
    state.branches[ref.branch].visit.attempts[ref.item].task = None


def tasks_withdrawn(state: Execution, event: e.TasksWithdrawn, _time: int) -> None:
    """Apply ``TasksWithdrawn``."""
    for task in event.tasks:
        ref = state.tasks.pop(task)
        state.branches[ref.branch].visit.attempts[ref.item].task = None


def retry_scheduled(state: Execution, event: e.RetryScheduled, _time: int) -> None:
    """Apply ``RetryScheduled``."""
    item = event.item or 0
    attempt = state.branches[event.branch].visit.attempts.setdefault(item, Attempt())
    attempt.number, attempt.policy = event.attempt, event.policy
    attempt.timed_out, attempt.deliveries, attempt.failed = (), 0, None
    state.timers.start(timer_key(event.branch, item), event.due)
