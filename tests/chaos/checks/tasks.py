"""Each outcome counts once, and comes from a run that there was (semantics 7.3)."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

from branchline.engine import events as e
from tests.chaos.checks.visits import Place, Task, tasks_of
from tests.chaos.evidence import Evidence
from tests.chaos.ledger import Run
from tests.chaos.report import Report


def check_tasks(evidence: Evidence, report: Report) -> None:
    """Check every task against its history and the ledger."""
    runs = {entry.run: entry for entry in evidence.ledger if isinstance(entry, Run)}
    for run in runs.values():
        report.count("seen", f"activity runs {run.end}")
    counted: Counter[str] = Counter()
    keys: dict[Place, str] = {}
    ends: dict[str, int] = {}
    for execution, stored in evidence.remains.stored.items():
        events = stored.events
        retried = any(isinstance(event, e.ExecutionRetried) for _, _, event in events)
        for number, task in tasks_of(execution, events).items():
            outcomes = [type(outcome).__name__ for outcome in task.outcomes]
            what = f"{execution} task {number}: {outcomes}"
            report.require(len(outcomes) == 1, "a task has one outcome", what)
            for outcome in task.outcomes:
                if isinstance(outcome, e.TaskCompleted):
                    _check_result(task, outcome, runs, report, counted, keys)
                    # A retry of the execution counts attempts and deliveries anew.
                    if not retried:
                        ends[json.loads(bytes(outcome.result))["run"]] = task.ended
                elif isinstance(outcome, e.TaskFailed):
                    report.count("seen", f"attempts failed with {outcome.error.type}")
    what = str([run for run, times in counted.items() if times > 1])
    report.require(not counted or max(counted.values()) == 1, "a run counts once", what)
    _check_keys(runs, counted, keys, report)
    _check_leases(runs, ends, report)


def _check_result(
    task: Task,
    outcome: e.TaskCompleted,
    runs: dict[str, Run],
    report: Report,
    counted: Counter[str],
    keys: dict[Place, str],
) -> None:
    result = json.loads(bytes(outcome.result))
    run = runs.get(result["run"])
    place = task.place
    fits = run is not None and (
        (run.execution, run.step, run.item, run.attempt, run.end, run.x)
        == (place.execution, place.step, place.item, task.attempt, "completed", result["x"])
    )
    report.require(fits, "a counted result comes from a run", f"{task}: {run}")
    if run is not None:
        counted[run.run] += 1
        report.require(place not in keys, "an item has one counted result", str(place))
        keys[place] = run.key


def _check_keys(
    runs: dict[str, Run], counted: Counter[str], keys: dict[Place, str], report: Report
) -> None:
    places = defaultdict(set)
    results: Counter[str] = Counter()
    for run in runs.values():
        places[run.key].add((run.execution, run.step, run.item))
        results[run.key] += counted[run.run]
    for key, named in places.items():
        report.require(len(named) == 1, "an idempotency key names one item", f"{key}: {named}")
        report.require(results[key] <= 1, "a key has at most one counted result", key)
    distinct = len(set(keys.values())) == len(keys)
    report.require(distinct, "items have keys of their own", f"{len(keys)} items")


def _check_leases(runs: dict[str, Run], ends: dict[str, int], report: Report) -> None:
    """A delivery whose lease has ended has no say: by then the next one had begun."""
    by_key: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs.values():
        by_key[run.key].append(run)
    for name in ends.keys() & runs.keys():
        run, ended = runs[name], ends[name]
        overtaken = [
            other for other in by_key[run.key] if other.turn > run.turn and other.began < ended
        ]
        what = f"{run} counted at {ended}, but {overtaken}"
        report.require(not overtaken, "a report of an ended lease does not count", what)
