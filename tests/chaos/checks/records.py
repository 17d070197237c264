"""A recorded value is computed once, and comes back ever after (semantics 7.8)."""

from __future__ import annotations

import json
from collections import defaultdict

from branchline.engine import events as e
from tests.chaos.checks.visits import Place, tasks_of
from tests.chaos.evidence import Evidence
from tests.chaos.ledger import Computed, Recalled
from tests.chaos.report import Report

_Key = tuple[str, str, int, str]
"""Execution, step, item, and the record's own name; no step is visited twice."""


def check_records(evidence: Evidence, report: Report) -> None:
    """Check every recorded value against the ledger."""
    recorded = _recorded(evidence, report)
    durable: dict[_Key, tuple[int, int]] = {}
    computed: defaultdict[_Key, set[str]] = defaultdict(set)
    for entry in evidence.ledger:
        if not isinstance(entry, Computed | Recalled):
            continue
        key = (entry.execution, entry.step, entry.item, entry.value.split()[0])
        if isinstance(entry, Recalled):
            right = recorded.get(key) == entry.value
            what = f"{entry}, not {recorded.get(key)}"
            report.require(right, "a recorded value comes back", what)
            durable.setdefault(key, entry.turn)
        else:
            computed[key].add(entry.value)
            late = key in durable and entry.turn > durable[key]
            report.require(not late, "a durable value is not computed again", str(entry))
    for key, value in recorded.items():
        report.require(value in computed[key], "a recorded value was computed", f"{key} {value}")


def _recorded(evidence: Evidence, report: Report) -> dict[_Key, str]:
    recorded: dict[_Key, str] = {}
    for execution, stored in evidence.remains.stored.items():
        kept: defaultdict[Place, dict[str, str]] = defaultdict(dict)
        for task in tasks_of(execution, stored.events).values():
            place = task.place
            for record in task.recorded:
                once = record.key not in kept[place]
                report.require(once, "a value is recorded once", f"{place} {record.key}")
                value: str = json.loads(bytes(record.value))
                kept[place][record.key] = value
                recorded[execution, place.step, place.item, record.key] = value
            for outcome in task.outcomes:
                if isinstance(outcome, e.TaskCompleted) and outcome.set:
                    told = [json.loads(bytes(value)) for value in outcome.set.values()]
                    right = told == [[kept[place]["first"], kept[place]["second"]]]
                    report.require(right, "a result is made of recorded values", str(place))
    return recorded
