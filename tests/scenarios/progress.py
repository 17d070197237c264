"""Judges what is told of the step visits of an execution."""

from __future__ import annotations

import json
from typing import Any

from msgspec import UNSET, structs

from branchline.v1 import execution_pb2, step_visit_pb2
from tests.scenarios.compare import differs, same
from tests.scenarios.scenario import ExpectedVisit
from tests.scenarios.stage import Stage


async def judge_progress(stage: Stage, expected: dict[str, list[ExpectedVisit]]) -> list[str]:
    """How the visits of branches differ from what is expected: each has at least that."""
    execution = await stage.look()
    if execution is None:
        return []  # told elsewhere
    visits = await stage.api.step_visits(execution.id)
    differences = []
    for branch, wanted in expected.items():
        got = [_facts(visit) for visit in visits if visit.branch == branch]
        if not _agree([_wanted(visit) for visit in wanted], got):
            differences.append(differs(f"progress of {branch}", list(map(_wanted, wanted)), got))
    return differences


def _agree(wanted: list[dict[str, Any]], got: list[dict[str, Any]]) -> bool:
    return len(wanted) == len(got) and all(
        same(one, {key: other[key] for key in one}) for one, other in zip(wanted, got, strict=True)
    )


def _wanted(visit: ExpectedVisit) -> dict[str, Any]:
    return {name: value for name, value in structs.asdict(visit).items() if value is not UNSET}


def _facts(visit: step_visit_pb2.StepVisit) -> dict[str, Any]:
    status = execution_pb2.BranchStatus.Name(visit.status).removeprefix("BRANCH_STATUS_")
    progress = visit.progress if visit.HasField("progress") else None
    return {
        "step": visit.step,
        "status": status,
        "activity": visit.activity,
        "attempt": visit.attempt,
        "error": visit.error.type if visit.HasField("error") else None,
        "message": progress.message if progress else None,
        "data": json.loads(progress.data_json or "null") if progress else None,
    }
