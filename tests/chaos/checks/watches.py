"""Watchers saw exactly what happened (semantics 12.2, 12.3)."""

from __future__ import annotations

from collections import defaultdict

from branchline.engine import Execution, evolve
from tests.chaos.evidence import Evidence, Stored
from tests.chaos.report import Report


def check_watches(evidence: Evidence, report: Report) -> None:
    """Check what the watchers of one execution, and of all, have seen."""
    for execution, events in evidence.watched.items():
        told = evidence.told.get(execution)
        same = told is not None and events == told.events
        what = f"{execution}: {len(events)} events"
        report.require(same, "a watcher saw the history", what)
    seen: defaultdict[str, list[str]] = defaultdict(list)
    for change in evidence.changes:
        if change.time is None:  # how it stood when the watch began, perhaps anew
            seen[change.execution_id].clear()
        seen[change.execution_id].append(str(change.status))
    for execution, stored in evidence.remains.stored.items():
        expected = _statuses(stored)
        got = seen[execution]
        right = bool(got) and expected[-len(got) :] == got
        what = f"{execution}: {got}, not {expected}"
        report.require(right, "a watcher saw all changes of status", what)


def _statuses(stored: Stored) -> list[str]:
    """How an execution stood at its start and after each transition, without repetitions."""
    state = Execution(id=stored.row.id)
    ends = {row.last_sequence for row in stored.history}
    statuses = [str(state.status)]
    for number, time, event in stored.events:
        evolve(state, event, time)
        if number in ends and statuses[-1:] != [str(state.status)]:
            statuses.append(str(state.status))
    return statuses
