"""Nothing is left over in the database."""

from __future__ import annotations

from branchline.server.statuses import is_closed
from tests.chaos.evidence import Evidence
from tests.chaos.report import Report


def check_leftovers(evidence: Evidence, report: Report) -> None:
    """No execution is live, no task waits, nothing is due."""
    remains = evidence.remains
    for stored in remains.stored.values():
        row = stored.row
        report.require(is_closed(row.status), "every execution has closed", str(row))
        report.require(stored.tasks == 0, "no task is left over", f"{row.id}: {stored.tasks}")
        report.require(row.wake_at is None, "no timer is left over", str(row))
        report.count("seen", "children and follow-ups" if row.parent else "executions started")
    report.require(remains.next_due is None, "no timer is left over", str(remains.next_due))
    still = str(remains.cancellations)
    report.require(remains.cancellations == 0, "no cancellation is left over", still)
    report.require(remains.tasks_running == 0, "no lease is left over", str(remains.tasks_running))
    report.require(remains.offers_ready == 0, "no task is left over", str(remains.offers_ready))
