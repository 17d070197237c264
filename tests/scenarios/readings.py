"""Plain facts of what a server has told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from branchline.v1 import event_pb2, execution_pb2, step_visit_pb2
from branchline.v1.execution_service_pb2 import CountExecutionsResponse
from tests.scenarios.api import branch_statuses, status_name
from tests.scenarios.facts import Seen, SeenError, SeenList, SeenSuspension, SeenVisit


def seen_of(execution: execution_pb2.Execution, history: Iterable[event_pb2.Event] = ()) -> Seen:
    """How an execution stands; the steps that it has visited are in its history."""
    return Seen(
        id=execution.id,
        workflow=execution.workflow,
        version=execution.version,
        status=status_name(execution),
        outputs=json.loads(execution.outputs_json or "{}"),
        error=SeenError(execution.error.type, execution.error.message)
        if execution.HasField("error")
        else None,
        suspension=_suspension(execution.suspension) if execution.HasField("suspension") else None,
        branches=branch_statuses(execution),
        state={branch.id: json.loads(branch.state_json or "{}") for branch in execution.branches},
        visits=_visits(history),
        waiting=[(task.activity, task.task_queue) for task in execution.waiting_tasks],
        follow_up_errors=[
            result.workflow for result in execution.follow_ups if result.HasField("error")
        ],
        lived=_lived(execution),
    )


def visit_of(visit: step_visit_pb2.StepVisit) -> SeenVisit:
    """How a visit of a step went."""
    progress = visit.progress if visit.HasField("progress") else None
    return SeenVisit(
        step=visit.step,
        branch=visit.branch,
        status=execution_pb2.BranchStatus.Name(visit.status).removeprefix("BRANCH_STATUS_"),
        activity=visit.activity,
        attempt=visit.attempt,
        error=visit.error.type if visit.HasField("error") else None,
        message=progress.message if progress else None,
        data=json.loads(progress.data_json or "null") if progress else None,
    )


def list_of(found: list[execution_pb2.Execution], count: CountExecutionsResponse) -> SeenList:
    """What a list finds, and what is counted."""
    names = execution_pb2.ExecutionStatus.Name
    return SeenList(
        found=[execution.id for execution in found],
        statuses=Counter(map(status_name, found)),
        total=count.total,
        counted=Counter(
            {
                names(each.status).removeprefix("EXECUTION_STATUS_"): each.count
                for each in count.by_status
            }
        ),
    )


def _visits(history: Iterable[event_pb2.Event]) -> dict[str, list[str]]:
    visits: dict[str, list[str]] = {}
    for event in history:
        if event.HasField("step_started"):
            visit = event.step_started
            visits.setdefault(visit.branch, []).append(visit.step)
    return visits


def _suspension(suspension: execution_pb2.Suspension) -> SeenSuspension:
    return SeenSuspension(
        _reason(suspension.reason),
        list(suspension.topics),
        {
            branch.branch: {
                "reason": _reason(branch.reason),
                "step": branch.step,
                "topic": branch.topic,
                "pause_reason": branch.pause_reason,
            }
            for branch in suspension.branches
        },
    )


def _reason(reason: execution_pb2.SuspensionReason.ValueType) -> str:
    return execution_pb2.SuspensionReason.Name(reason).removeprefix("SUSPENSION_REASON_")


def _lived(execution: execution_pb2.Execution) -> float | None:
    if not execution.HasField("close_time"):
        return None
    start, close = execution.start_time, execution.close_time
    return close.seconds - start.seconds + (close.nanos - start.nanos) / 1e9
