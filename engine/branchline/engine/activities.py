"""What becomes of the tasks of activity steps (semantics 7)."""

from __future__ import annotations

from branchline.engine import attempts
from branchline.engine.commands import CompleteTask, FailTask, RecordValue
from branchline.engine.errors import TaskGone
from branchline.engine.events import TaskCompleted, TaskFailed, ValueRecorded
from branchline.engine.finishing import fail_attempt
from branchline.engine.state import AttemptRef, Branch
from branchline.engine.transition import Transition


def complete(t: Transition, command: CompleteTask) -> None:
    """Take a result; the step ends when it was the last (semantics 7.5, 9.3)."""
    branch, _ = owner(t, command.task)
    t.emit(
        TaskCompleted(
            task=command.task, result=command.result, set=command.set, remove=command.remove
        )
    )
    attempts.after_outcome(t, branch)


def fail(t: Transition, command: FailTask) -> None:
    """Take an error: another attempt, a catch, or the end of the branch (semantics 8)."""
    branch, ref = owner(t, command.task)
    t.emit(TaskFailed(task=command.task, error=command.error))
    item = None if branch.visit.items is None else ref.item
    fail_attempt(t, branch, command.error, item)


def record(t: Transition, command: RecordValue) -> None:
    """Keep a value for later deliveries and attempts; the first of a key stays (7.8)."""
    branch, ref = owner(t, command.task)
    memory = branch.visit.memories.get(ref.item)
    if memory is None or command.key not in memory.recorded:
        t.emit(ValueRecorded(task=command.task, key=command.key, value=command.value))


def owner(t: Transition, task: int) -> tuple[Branch, AttemptRef]:
    """Whose attempt a pending task is. Raises ``TaskGone``."""
    ref = t.state.tasks.get(task)
    if ref is None:
        message = f"task {task} has an outcome already, or was withdrawn"
        raise TaskGone(message)
    return t.state.branches[ref.branch], ref
