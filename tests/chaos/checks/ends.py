"""What was acknowledged happened, and came to the right end."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

from branchline.engine import events as e
from branchline.v1 import execution_pb2
from tests.chaos.diary import Started
from tests.chaos.evidence import Evidence, Stored, Told
from tests.chaos.report import Report


def check_ends(evidence: Evidence, report: Report) -> None:
    """Every acknowledged start, wish and end is there; the outputs are right (4.2, 4.9)."""
    for started in evidence.diary.started.values():
        told = evidence.told.get(started.execution)
        stored = evidence.remains.stored.get(started.execution)
        there = told is not None and stored is not None
        report.require(there, "an acknowledged start is there", started.execution)
        if told is not None and stored is not None:
            _check_end(started, told, evidence, report)
            _check_wishes(started, stored, evidence, report)
    requests = Counter(
        stored.row.request_id
        for stored in evidence.remains.stored.values()
        if stored.row.request_id
    )
    for request, count in requests.items():
        report.require(count == 1, "a request starts one execution", f"{request}: {count}")
    known = {started.request for started in evidence.diary.started.values()}
    unknown = requests.keys() - known
    report.require(not unknown, "nothing starts by itself", f"requests {sorted(unknown)}")


def _check_end(started: Started, told: Told, evidence: Evidence, report: Report) -> None:
    status = execution_pb2.ExecutionStatus.Name(told.info.status)
    status = status.removeprefix("EXECUTION_STATUS_")
    expected = (
        {"CANCELED"} if evidence.diary.granted(started.execution, "cancel") else {"COMPLETED"}
    )
    if started.execution in evidence.diary.tried:
        expected.add("CANCELED")
    what = f"{started.execution} ({started.shape}) is {status}, not {expected}: {told.info.error}"
    report.require(status in expected, "executions come to their end", what)
    seen = evidence.diary.ends.get(started.execution)
    if seen is not None:
        what = f"{started.execution} was {seen.status}, is {status}"
        report.require(seen.status == status, "an end that was told stays", what)
    if status == "COMPLETED":
        x = evidence.shapes[started.shape].value(started.n, started.told)
        got = told.info.outputs_json
        what = f"{started.execution} ({started.shape}): {got}, not {x}"
        report.require(json.loads(got) == {"x": x}, "outputs are right", what)


def _check_wishes(started: Started, stored: Stored, evidence: Evidence, report: Report) -> None:
    events = [event for _, _, event in stored.events]
    execution = started.execution
    reasons = {event.reason for event in events if isinstance(event, e.ExecutionCanceled)}
    for wish in evidence.diary.granted(execution, "cancel"):
        what = f"{execution}: {reasons}"
        report.require(reasons == {wish.reason}, "an acknowledged cancellation stays", what)
    pauses = {
        event.reason for event in events if isinstance(event, e.PauseRequested | e.BranchPaused)
    }
    for wish in evidence.diary.granted(execution, "pause"):
        what = f"{execution}: {pauses}"
        report.require(wish.reason in pauses, "an acknowledged pause stays", what)
    retries = sum(isinstance(event, e.ExecutionRetried) for event in events)
    failures = sum(isinstance(event, e.ExecutionFailed) for event in events)
    granted = len(evidence.diary.granted(execution, "retry"))
    what = f"{execution}: {granted} granted, {retries} retries, {failures} failures"
    report.require(
        granted <= retries <= failures <= retries + 1, "an acknowledged retry happens once", what
    )


def check_families(evidence: Evidence, report: Report) -> None:
    """Children and follow-ups are started once, and come to the right end (11.1 to 11.5)."""
    offspring: defaultdict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
    for told in evidence.told.values():
        info = told.info
        if not info.parent:
            continue
        if info.status == execution_pb2.EXECUTION_STATUS_COMPLETED:
            x = evidence.shapes[info.workflow].value(json.loads(info.inputs_json)["n"], {})
            right = json.loads(info.outputs_json) == {"x": x}
            report.require(right, "outputs of children are right", f"{info.id}: not {x}")
            offspring[info.parent][info.workflow, x] += 1
        else:
            canceled = info.status == execution_pb2.EXECUTION_STATUS_CANCELED
            right = canceled and _was_stopped(evidence, info.parent)
            what = f"{info.id} of {info.parent}: {info.status}"
            report.require(right, "children come to their end", what)
    for started in evidence.diary.started.values():
        if started.execution in evidence.told:
            _check_family(started, offspring[started.execution], evidence, report)


def _check_family(
    started: Started, got: Counter[tuple[str, int]], evidence: Evidence, report: Report
) -> None:
    shape = evidence.shapes[started.shape]
    expected = Counter(shape.offspring(started.n, started.told))
    if evidence.canceled(started.execution):
        right = got <= expected
    elif shape.fused:  # a retry starts the children of stopped branches again
        right = got >= expected
    else:
        right = got == expected
    what = f"{started.execution} ({started.shape}): {got}, not {expected}"
    report.require(right, "children and follow-ups are started once", what)


def _was_stopped(evidence: Evidence, execution: str) -> bool:
    """Whether an execution was cancelled, or had failed for a while."""
    events = evidence.remains.stored[execution].events
    stops = e.ExecutionFailed | e.ExecutionCanceled
    return any(isinstance(event, stops) for _, _, event in events)
