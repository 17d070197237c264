"""Why an execution is not where a test expects it, for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from branchline.client.types import (
    DormantBranch,
    ExecutionInfo,
    Failure,
    StepVisit,
    SuspensionReason,
)
from branchline.testing.clock import moment
from branchline.testing.tasks import Task

_VISITS: Final = 5
"""How many of the last visits are told."""


def verdict(
    info: ExecutionInfo,
    expected: str,
    elapsed: timedelta,
    visits: list[StepVisit],
    tasks: Iterable[Task],
) -> str:
    """Everything that may explain it; ``tasks`` are its own without an outcome."""
    lines = [f"{info.workflow} {info.id} is {info.status} after {elapsed}, not {expected}"]
    if info.error is not None:
        lines.append(f"error: {_error(info.error)}")
    if info.suspension is not None:
        lines += map(_dormant, info.suspension.branches)
    lines += [
        f"no worker offers the activity {task.activity} on the task queue {task.task_queue}"
        for task in info.waiting_tasks
    ]
    lines += [_at_work(task) for task in tasks if task.is_in_hand]
    shown = visits[-_VISITS:]
    if shown:
        lines.append(f"the last {len(shown)} of {len(visits)} step visits:")
        lines += [f"  {_visit(visit)}" for visit in shown]
    return "\n  ".join(lines)


def _dormant(branch: DormantBranch) -> str:
    until = f" until {branch.wake_time}" if branch.wake_time else ""
    match branch.reason:
        case SuspensionReason.WAITING_SIGNAL:
            what = f"waits for a signal on {branch.topic}{until}"
        case SuspensionReason.PAUSED:
            what = f"is paused: {branch.pause_reason}" if branch.pause_reason else "is paused"
        case SuspensionReason.WAITING_CHILD:
            what = f"waits for {', '.join(branch.children)}{until}"
        case _:
            what = f"sleeps{until}"
    return f"branch {branch.branch} in step {branch.step} {what}"


def _at_work(task: Task) -> str:
    message = task.message
    since = moment(task.started_at or 0)
    attempt = f"attempt {message.attempt} of step {message.step}"
    if task.is_lost:
        return f"the worker of {message.activity}, {attempt}, has crashed"
    return f"{message.activity} is at work since {since}, {attempt}"


def _visit(visit: StepVisit) -> str:
    attempt = f", attempt {visit.attempt}" if visit.attempt > 1 else ""
    error = f", {_error(visit.error)}" if visit.error else ""
    return f"{visit.branch}: {visit.step} {visit.status}{attempt}{error}"


def _error(error: Failure) -> str:
    return f"{error.type}: {error.message}" if error.message else error.type
