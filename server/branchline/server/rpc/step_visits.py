"""Step visits as messages (semantics 12.4)."""

from __future__ import annotations

from branchline.engine.events import Progress
from branchline.engine.step_visit import StepVisit
from branchline.server.rpc.checks import timestamp
from branchline.server.rpc.values import failure_message, json_text
from branchline.v1 import execution_pb2
from branchline.v1 import step_visit_pb2 as pb


def visit_message(visit: StepVisit) -> pb.StepVisit:
    """One stay of a branch in a step."""
    return pb.StepVisit(
        number=visit.number,
        branch=visit.branch,
        step=visit.step,
        status=execution_pb2.BranchStatus.Value(f"BRANCH_STATUS_{visit.status}"),
        activity=visit.activity,
        attempt=visit.attempt,
        start_time=timestamp(visit.start),
        end_time=timestamp(visit.end),
        error=failure_message(visit.error) if visit.error else None,
        progress=step_progress(visit.progress),
        items=visit.items,
        items_done=visit.items_done,
        children=visit.children,
    )


def step_progress(progress: Progress | None) -> pb.StepProgress | None:
    """What an activity said last, if it said anything."""
    if progress is None:
        return None
    return pb.StepProgress(
        message=progress.message,
        data_json=json_text(progress.data),
        time=timestamp(progress.time),
        item=progress.item,
    )
