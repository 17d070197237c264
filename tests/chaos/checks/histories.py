"""Histories are whole, and what is shown is what follows from them (semantics 12.1)."""

from __future__ import annotations

from branchline.engine import Execution, fold
from branchline.engine.errors import InvalidHistory
from branchline.server.histories import rebuild
from branchline.server.rpc.events import event_message
from branchline.server.statuses import status_number
from branchline.v1 import execution_pb2
from tests.chaos.evidence import Evidence, Stored, Told
from tests.chaos.report import Report


def check_histories(evidence: Evidence, report: Report) -> None:
    """Check the history of every execution."""
    stored, told = evidence.remains.stored, evidence.told
    same = stored.keys() == told.keys()
    report.require(same, "lists are complete", str(stored.keys() ^ told.keys()))
    for execution in stored.keys() & told.keys():
        _check_history(execution, stored[execution], told[execution], report)


def _check_history(execution: str, stored: Stored, told: Told, report: Report) -> None:
    events = stored.events
    numbers = [number for number, _, _ in events]
    gapless = numbers == list(range(1, len(events) + 1))
    report.require(gapless, "histories have no gaps", f"{execution}: {numbers}")
    report.count("seen", "events", len(events))
    messages = [event_message(*event) for event in events]
    report.require(messages == told.events, "the API tells the stored history", execution)
    try:
        state = fold(execution, [(time, event) for _, time, event in events])
    except InvalidHistory as error:
        report.require(False, "histories can be folded", str(error))  # noqa: FBT003 - a claim
        return
    _check_state(state, stored, told.info, report)
    if stored.snapshot is not None:
        again = rebuild(execution, stored.snapshot, stored.history)
        report.require(again == state, "snapshots equal the fold", execution)


def _check_state(
    state: Execution, stored: Stored, info: execution_pb2.Execution, report: Report
) -> None:
    promise = "the fold equals what is stored"
    what = f"{state.id}: {state.status}, row {stored.row.status}, API {info.status}"
    number = status_number(state.status)
    report.require(number == stored.row.status == info.status, promise, what)
    last = state.sequence == info.last_sequence
    report.require(last, promise, f"{state.id}: {state.sequence}, {info.last_sequence}")
    times = state.close_time == stored.row.close_time and state.start_time == stored.row.start_time
    report.require(times, promise, f"{state.id}: {stored.row}")
    statuses = {branch.id: str(branch.status) for branch in state.branches.values()}
    shown = {
        branch.id: execution_pb2.BranchStatus.Name(branch.status).removeprefix("BRANCH_STATUS_")
        for branch in info.branches
    }
    report.require(statuses == shown, promise, f"{state.id}: {statuses}, {shown}")
    nothing = not state.tasks and not state.children and not state.requests
    report.require(
        nothing and state.timers.next_due() is None,
        "closed executions hold nothing",
        f"{state.id}: {state.tasks}, {state.children}, {state.timers}",
    )
