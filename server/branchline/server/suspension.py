"""Why an execution does not move (semantics 4.8, 7.1)."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from branchline.engine import Branch, Execution, Plan, Status
from branchline.engine.state import timer_key
from branchline.server.dispatch import Dispatcher, TaskKey


class Reason(Enum):
    """What a dormant branch waits for; the first of these dominates."""

    PAUSED = 1
    SLEEPING = 2
    WAITING_SIGNAL = 3
    WAITING_CHILD = 4


_DORMANT = (Status.SUSPENDED, Status.PAUSED)


class Dormant(NamedTuple):
    """Why one branch does not move."""

    branch: str
    step: str
    reason: Reason
    topic: str = ""
    wake_time: int | None = None
    pause_reason: str = ""
    children: tuple[str, ...] = ()


class Suspension(NamedTuple):
    """Why none of them does."""

    reason: Reason
    topics: list[str]
    wake_time: int | None
    branches: list[Dormant]


_MOST_CHILDREN = 100
"""How many children of a branch are told."""


def suspension_of(state: Execution) -> Suspension | None:
    """Why an execution is suspended or paused, None when it is neither."""
    if state.status not in _DORMANT:
        return None
    live = state.live_branches()
    dormant = [_dormant(state, branch) for branch in live if branch.status in _DORMANT]
    return Suspension(
        reason=min((item.reason for item in dormant), key=lambda reason: reason.value),
        topics=sorted(
            {
                wait.topic
                for branch in live
                if branch.status is Status.SUSPENDED
                for wait in branch.waits
            }
        ),
        wake_time=min(
            (item.wake_time for item in dormant if item.wake_time is not None), default=None
        ),
        branches=dormant,
    )


def _dormant(state: Execution, branch: Branch) -> Dormant:
    if branch.status is Status.PAUSED:
        return Dormant(branch.id, branch.step, Reason.PAUSED, pause_reason=branch.pause or "")
    waits, children = branch.waits, branch.children
    if children:
        return _waits_for_children(state, branch, children)
    if waits:
        first = min(waits, key=lambda wait: wait.until)
        return Dormant(branch.id, branch.step, Reason.WAITING_SIGNAL, first.topic, first.until)
    return Dormant(branch.id, branch.step, Reason.SLEEPING, wake_time=branch.sleep_until)


def _waits_for_children(state: Execution, branch: Branch, children: list[str]) -> Dormant:
    keys = (timer_key(branch.id, item) for item in branch.visit.attempts)
    times = (state.timers.due[key] for key in keys if key in state.timers.due)
    return Dormant(
        branch.id,
        branch.step,
        Reason.WAITING_CHILD,
        wake_time=min(times, default=None),
        children=tuple(children[:_MOST_CHILDREN]),
    )


def leased_tasks(key: int, state: Execution, dispatcher: Dispatcher) -> set[int]:
    """The pending tasks that workers have."""
    tasks = ((number, dispatcher.tasks.get(TaskKey(key, number))) for number in state.tasks)
    return {number for number, task in tasks if task is not None and task.worker is not None}


def waiting_tasks(state: Execution, plan: Plan, leased: set[int]) -> list[tuple[str, str]]:
    """The activities, with their queues, for which no worker has come yet; each once."""
    waiting: dict[tuple[str, str], None] = {}
    for number, ref in state.tasks.items():
        if number not in leased:
            step = plan.step(state.branches[ref.branch].step)
            waiting[step.step.activity, step.queue] = None
    return list(waiting)
