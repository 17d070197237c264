"""All checks."""

from __future__ import annotations

from branchline.engine.errors import InvalidHistory
from tests.chaos.checks.ends import check_ends, check_families
from tests.chaos.checks.histories import check_histories
from tests.chaos.checks.leftovers import check_leftovers
from tests.chaos.checks.records import check_records
from tests.chaos.checks.signals import check_signals
from tests.chaos.checks.tasks import check_tasks
from tests.chaos.checks.watches import check_watches
from tests.chaos.evidence import Evidence
from tests.chaos.report import Report


def check(evidence: Evidence, report: Report) -> None:
    """Check every promise; what was broken is in the report."""
    for one in (
        check_ends,
        check_families,
        check_histories,
        check_tasks,
        check_signals,
        check_records,
        check_watches,
        check_leftovers,
    ):
        try:
            one(evidence, report)
        except (LookupError, InvalidHistory) as error:
            # A history that is not whole stops those who read it; what the others find still tells.
            report.violation("histories can be read", f"{one.__name__}: {error!r}")
