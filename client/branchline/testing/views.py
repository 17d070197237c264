"""How executions stand, in the SDK's words (semantics 4.7, 4.8, 7.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from branchline.client import types
from branchline.engine import Branch, Execution, Plan, Status
from branchline.engine import events as e
from branchline.engine.state import timer_key
from branchline.engine.step_visit import StepVisit
from branchline.engine.values import Json, Variables, decode
from branchline.engine.visits import StepVisits
from branchline.testing.clock import moment
from branchline.testing.tasks import Task

_DORMANT: Final = (Status.SUSPENDED, Status.PAUSED)
_DOMINANCE: Final = (
    types.SuspensionReason.PAUSED,
    types.SuspensionReason.SLEEPING,
    types.SuspensionReason.WAITING_SIGNAL,
    types.SuspensionReason.WAITING_CHILD,
)


def execution_info(state: Execution, tasks: Iterable[Task]) -> types.ExecutionInfo:
    """An execution in full; ``tasks`` are its own without an outcome."""
    return types.ExecutionInfo(
        id=state.id,
        workflow=state.workflow,
        version=state.version,
        status=types.ExecutionStatus(state.status),
        start_time=moment(state.start_time),
        close_time=None if state.close_time is None else moment(state.close_time),
        inputs=plain_all(state.inputs),
        outputs=plain_all(state.outputs) if state.end is Status.COMPLETED else None,
        error=failure(state.error),
        last_sequence=state.sequence,
        branches=tuple(map(_branch, state.branches.values())),
        suspension=_suspension(state),
        waiting_tasks=tuple(
            dict.fromkeys(types.WaitingTask(*task.offer) for task in tasks if not task.is_in_hand)
        ),
        labels=dict(state.labels),
        parent=state.parent,
        depth=state.depth,
        follow_ups=tuple(
            types.FollowUp(
                workflow=result.workflow,
                execution_id=result.execution,
                error=failure(result.error),
            )
            for result in state.follow_ups
        ),
    )


def step_visits(
    plan: Plan, history: Iterable[tuple[int, e.Event]], tasks: Iterable[Task]
) -> list[types.StepVisit]:
    """The step visits of an execution, in the order in which they began (semantics 12.4)."""
    visits = StepVisits()
    for number, (time, event) in enumerate(history, 1):
        visits.take(number, time, event)
    for task in tasks:
        if task.progress is not None:
            visits.hear(task.key.task, task.progress)
    return [_visit(plan, visit) for visit in visits.visits]


def plain(document: Json) -> Any:  # noqa: ANN401 - JSON is of any type
    """The plain value of a document."""
    return decode(document)


def plain_all(variables: Variables) -> dict[str, Any]:
    """The plain values of documents."""
    return {name: decode(document) for name, document in variables.items()}


def failure(error: e.Failure | None) -> types.Failure | None:
    """An error."""
    if error is None:
        return None
    return types.Failure(error.type, error.message, decode(error.details))


def _branch(branch: Branch) -> types.BranchInfo:
    return types.BranchInfo(
        id=branch.id,
        name=branch.name,
        parent=branch.parent,
        status=types.BranchStatus(branch.status),
        step=branch.step,
        state=plain_all(branch.variables),
        error=failure(branch.error),
    )


def _suspension(state: Execution) -> types.Suspension | None:
    if state.status not in _DORMANT:
        return None
    live = state.live_branches()
    dormant = tuple(_dormant(state, branch) for branch in live if branch.status in _DORMANT)
    waits = [wait for b in live if b.status is Status.SUSPENDED for wait in b.waits]
    return types.Suspension(
        reason=min((one.reason for one in dormant), key=_DOMINANCE.index),
        topics=tuple(sorted({wait.topic for wait in waits})),
        wake_time=min((one.wake_time for one in dormant if one.wake_time), default=None),
        branches=dormant,
    )


def _dormant(state: Execution, branch: Branch) -> types.DormantBranch:
    if branch.status is Status.PAUSED:
        reason, until, topic = types.SuspensionReason.PAUSED, None, ""
    elif branch.children:
        reason, until, topic = types.SuspensionReason.WAITING_CHILD, _patience(state, branch), ""
    elif branch.waits:
        first = min(branch.waits, key=lambda wait: wait.until)
        reason, until, topic = types.SuspensionReason.WAITING_SIGNAL, first.until, first.topic
    else:
        reason, until, topic = types.SuspensionReason.SLEEPING, branch.sleep_until, ""
    return types.DormantBranch(
        branch=branch.id,
        step=branch.step,
        reason=reason,
        topic=topic,
        wake_time=None if until is None else moment(until),
        pause_reason=(branch.pause or "") if branch.status is Status.PAUSED else "",
        children=tuple(branch.children) if branch.status is Status.SUSPENDED else (),
    )


def _patience(state: Execution, branch: Branch) -> int | None:
    """When the first of the children that a branch waits for is too late."""
    due = state.timers.due
    keys = (timer_key(branch.id, item) for item in branch.visit.attempts)
    return min((due[key] for key in keys if key in due), default=None)


def _visit(plan: Plan, visit: StepVisit) -> types.StepVisit:
    told = visit.progress
    return types.StepVisit(
        number=visit.number,
        branch=visit.branch,
        step=visit.step,
        status=types.BranchStatus(visit.status),
        activity=visit.activity or plan.step(visit.step).step.activity,
        attempt=visit.attempt,
        start_time=moment(visit.start),
        end_time=None if visit.end is None else moment(visit.end),
        error=failure(visit.error),
        progress=None
        if told is None
        else types.StepProgress(
            message=told.message, data=decode(told.data), time=moment(told.time), item=told.item
        ),
        items=visit.items,
        items_done=visit.items_done,
        children=tuple(visit.children),
    )
