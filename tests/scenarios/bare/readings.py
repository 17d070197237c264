"""Plain facts of what a rehearsal has told."""

from __future__ import annotations

from branchline.client.types import StepVisit, Suspension
from branchline.testing import Run
from tests.scenarios.facts import Seen, SeenError, SeenSuspension, SeenVisit


def seen_of(run: Run) -> Seen:
    """How an execution stands. Raises ``ExecutionNotFound``."""
    info = run.describe()
    visits: dict[str, list[str]] = {}
    for visit in run.step_visits:
        visits.setdefault(visit.branch, []).append(visit.step)
    return Seen(
        id=info.id,
        workflow=info.workflow,
        version=info.version,
        status=str(info.status),
        outputs=info.outputs or {},
        error=SeenError(info.error.type, info.error.message) if info.error else None,
        suspension=_suspension(info.suspension) if info.suspension else None,
        branches={branch.id: str(branch.status) for branch in info.branches},
        state={branch.id: branch.state for branch in info.branches},
        visits=visits,
        waiting=[(task.activity, task.task_queue) for task in info.waiting_tasks],
        follow_up_errors=[result.workflow for result in info.follow_ups if result.error],
        lived=run.elapsed.total_seconds() if info.close_time else None,
    )


def visit_of(visit: StepVisit) -> SeenVisit:
    """How a visit of a step went."""
    progress = visit.progress
    return SeenVisit(
        step=visit.step,
        branch=visit.branch,
        status=str(visit.status),
        activity=visit.activity,
        attempt=visit.attempt,
        error=visit.error.type if visit.error else None,
        message=progress.message if progress else None,
        data=progress.data if progress else None,
    )


def _suspension(suspension: Suspension) -> SeenSuspension:
    return SeenSuspension(
        str(suspension.reason),
        list(suspension.topics),
        {
            branch.branch: {
                "reason": str(branch.reason),
                "step": branch.step,
                "topic": branch.topic,
                "pause_reason": branch.pause_reason,
            }
            for branch in suspension.branches
        },
    )
