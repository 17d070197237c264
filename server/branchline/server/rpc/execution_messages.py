"""Executions as messages: the basic view from their row, the full one from their state."""

from __future__ import annotations

import msgspec

from branchline.engine import Branch, Status
from branchline.engine.events import Failure
from branchline.engine.state import FollowUpResult
from branchline.engine.values import encode_text
from branchline.server.dispatch import Dispatcher
from branchline.server.rpc.checks import timestamp
from branchline.server.rpc.values import failure_message
from branchline.server.runtime import Live
from branchline.server.statuses import status_of
from branchline.server.storage import ExecutionRow
from branchline.server.suspension import (
    Reason,
    Suspension,
    leased_tasks,
    suspension_of,
    waiting_tasks,
)
from branchline.v1 import execution_pb2 as pb
from branchline.v1 import execution_service_pb2 as executions_pb

_decode_failure = msgspec.json.Decoder(Failure).decode
_decode_labels = msgspec.json.Decoder(dict[str, str]).decode


def row_message(row: ExecutionRow) -> pb.Execution:
    """The basic view."""
    return pb.Execution(
        id=row.id,
        workflow=row.workflow,
        version=row.version,
        status=_status(status_of(row.status)),
        start_time=timestamp(row.start_time),
        close_time=timestamp(row.close_time),
        outputs_json=row.outputs or "",
        error=failure_message(_decode_failure(row.error)) if row.error else None,
        labels=_decode_labels(row.labels) if row.labels else None,
        parent=row.parent or "",
    )


def live_message(
    live: Live, dispatcher: Dispatcher, leased: set[int] | None = None
) -> pb.Execution:
    """The full view; ``leased`` are the tasks that workers have, if not the dispatcher knows."""
    state = live.state
    completed = state.end is Status.COMPLETED
    if leased is None:
        leased = leased_tasks(live.key, state, dispatcher)
    waiting = waiting_tasks(state, live.plan, leased)
    return pb.Execution(
        id=state.id,
        workflow=state.workflow,
        version=state.version,
        status=_status(state.status),
        start_time=timestamp(state.start_time),
        close_time=timestamp(state.close_time),
        inputs_json=encode_text(state.inputs),
        outputs_json=encode_text(state.outputs) if completed else "",
        error=failure_message(state.error) if state.error else None,
        last_sequence=state.sequence,
        branches=[_branch_message(branch) for branch in state.branches.values()],
        suspension=_suspension_message(suspension_of(state)),
        waiting_tasks=[
            pb.WaitingTask(activity=activity, task_queue=queue) for activity, queue in waiting
        ],
        labels=state.labels,
        parent=state.parent,
        depth=state.depth,
        follow_ups=[_follow_up_message(result) for result in state.follow_ups],
    )


def status_count(status: int, count: int) -> executions_pb.StatusCount:
    """How many executions have a status."""
    return executions_pb.StatusCount(status=_status(status_of(status)), count=count)


def _follow_up_message(result: FollowUpResult) -> pb.FollowUpResult:
    return pb.FollowUpResult(
        workflow=result.workflow,
        execution_id=result.execution,
        error=failure_message(result.error) if result.error else None,
    )


def _status(status: Status) -> pb.ExecutionStatus.ValueType:
    return pb.ExecutionStatus.Value(f"EXECUTION_STATUS_{status}")


def _reason(reason: Reason) -> pb.SuspensionReason.ValueType:
    return pb.SuspensionReason.Value(f"SUSPENSION_REASON_{reason.name}")


def _branch_message(branch: Branch) -> pb.Branch:
    return pb.Branch(
        id=branch.id,
        name=branch.name,
        parent=branch.parent,
        status=pb.BranchStatus.Value(f"BRANCH_STATUS_{branch.status}"),
        step=branch.step,
        state_json=encode_text(branch.variables),
        error=failure_message(branch.error) if branch.error else None,
    )


def _suspension_message(suspension: Suspension | None) -> pb.Suspension | None:
    if suspension is None:
        return None
    return pb.Suspension(
        reason=_reason(suspension.reason),
        topics=suspension.topics,
        wake_time=timestamp(suspension.wake_time),
        branches=[
            pb.DormantBranch(
                branch=item.branch,
                step=item.step,
                reason=_reason(item.reason),
                topic=item.topic,
                wake_time=timestamp(item.wake_time),
                pause_reason=item.pause_reason,
                children=item.children,
            )
            for item in suspension.branches
        ],
    )
