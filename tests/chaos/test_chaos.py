"""A short run of chaos, and that its checks would have told what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from branchline.v1 import execution_pb2
from tests.chaos.checks import check
from tests.chaos.diary import Diary, Signaled, Started
from tests.chaos.evidence import Evidence, Stored, Told
from tests.chaos.ledger import Computed, Recalled, Run
from tests.chaos.options import Options
from tests.chaos.play import Play
from tests.chaos.report import Report

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

OPTIONS = Options(seconds=12, seed=7, users=10)


@pytest.fixture(scope="module")
def report() -> Report:
    """What the run has counted."""
    return Report()


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory, report: Report) -> Evidence:
    """What is left after the run."""
    return asyncio.run(Play(OPTIONS, tmp_path_factory.mktemp("chaos"), report).run())


def test_promises_hold_while_everything_breaks(evidence: Evidence, report: Report) -> None:
    check(evidence, report)
    assert report.violations == []
    assert report.counts["faults"].total() > 5
    assert len(evidence.diary.started) > 5


def end_otherwise(evidence: Evidence) -> Evidence:
    started = next(iter(evidence.diary.started))
    return with_told(evidence, started, status=execution_pb2.EXECUTION_STATUS_FAILED)


def calculate_otherwise(evidence: Evidence) -> Evidence:
    completed = next(
        execution
        for execution in evidence.diary.started
        if evidence.told[execution].info.status == execution_pb2.EXECUTION_STATUS_COMPLETED
    )
    return with_told(evidence, completed, outputs_json='{"x": -1}')


def with_told(evidence: Evidence, execution: str, **fields: object) -> Evidence:
    told = evidence.told[execution]
    info = execution_pb2.Execution()
    info.CopyFrom(told.info)
    for name, value in fields.items():
        setattr(info, name, value)
    changed = Told(info=info, events=told.events)
    return replace(evidence, told={**evidence.told, execution: changed})


def lose_an_execution(evidence: Evidence) -> Evidence:
    started = next(iter(evidence.diary.started))
    stored = {key: value for key, value in evidence.remains.stored.items() if key != started}
    return replace(evidence, remains=replace(evidence.remains, stored=stored))


def lose_the_first_event(evidence: Evidence) -> Evidence:
    return with_history(evidence, lambda stored: replace(stored, history=stored.history[1:]))


def keep_a_task(evidence: Evidence) -> Evidence:
    return with_history(evidence, lambda stored: replace(stored, tasks=1))


def with_history(evidence: Evidence, change: Callable[[Stored], Stored]) -> Evidence:
    execution, stored = next(iter(evidence.remains.stored.items()))
    changed = {**evidence.remains.stored, execution: change(stored)}
    return replace(evidence, remains=replace(evidence.remains, stored=changed))


def keep_a_timer(evidence: Evidence) -> Evidence:
    return replace(evidence, remains=replace(evidence.remains, next_due=1))


def keep_a_cancellation(evidence: Evidence) -> Evidence:
    return replace(evidence, remains=replace(evidence.remains, cancellations=1))


def forget_runs(evidence: Evidence) -> Evidence:
    """All that completed: one of them alone may not have counted."""
    left = [entry for entry in evidence.ledger if not _has_completed(entry)]
    return replace(evidence, ledger=left)


def overtake_runs(evidence: Evidence) -> Evidence:
    """The same, by later deliveries."""
    later = [
        msgspec.structs.replace(entry, run=f"later than {entry.run}", delivery=entry.delivery + 1)
        for entry in evidence.ledger
        if isinstance(entry, Run) and _has_completed(entry)
    ]
    return replace(evidence, ledger=[*evidence.ledger, *later])


def _has_completed(entry: object) -> bool:
    return isinstance(entry, Run) and entry.end == "completed"


def share_a_key(evidence: Evidence) -> Evidence:
    ledger = [
        msgspec.structs.replace(entry, key="the same") if isinstance(entry, Run) else entry
        for entry in evidence.ledger
    ]
    return replace(evidence, ledger=ledger)


def recall_another_value(evidence: Evidence) -> Evidence:
    ledger = [
        msgspec.structs.replace(entry, value=entry.value + "!")
        if isinstance(entry, Recalled)
        else entry
        for entry in evidence.ledger
    ]
    return replace(evidence, ledger=ledger)


def compute_again(evidence: Evidence) -> Evidence:
    recalled = next(entry for entry in evidence.ledger if isinstance(entry, Recalled))
    fields = msgspec.structs.asdict(recalled)
    again = Computed(**{**fields, "delivery": recalled.delivery + 1})
    return replace(evidence, ledger=[*evidence.ledger, again])


def acknowledge_a_signal_that_is_not_there(evidence: Evidence) -> Evidence:
    started = next(iter(evidence.diary.started.values()))
    return with_notes(evidence, Signaled(started.execution, "1 hear", "1 hear 99", 1))


def acknowledge_a_start_that_is_not_there(evidence: Evidence) -> Evidence:
    started = next(iter(evidence.diary.started.values()))
    return with_notes(evidence, Started("nobody", started.shape, 1, {}, "nobody"))


def with_notes(evidence: Evidence, note: Signaled | Started) -> Evidence:
    diary = Diary(Path("/dev/null"))
    diary.started.update(evidence.diary.started)
    diary.signals.update(evidence.diary.signals)
    diary.wishes.update(evidence.diary.wishes)
    diary.note(note)
    diary.close()
    return replace(evidence, diary=diary)


def overlook_an_event(evidence: Evidence) -> Evidence:
    execution, told = next(iter(evidence.told.items()))
    return replace(evidence, watched={**evidence.watched, execution: told.events[1:]})


def overlook_a_change(evidence: Evidence) -> Evidence:
    started = next(iter(evidence.diary.started))
    last = [change for change in evidence.changes if change.execution_id == started][-1]
    return replace(evidence, changes=[change for change in evidence.changes if change is not last])


@pytest.mark.parametrize(
    ("tamper", "promise"),
    [
        (end_otherwise, "executions come to their end"),
        (calculate_otherwise, "outputs are right"),
        (lose_an_execution, "an acknowledged start is there"),
        (lose_the_first_event, "histories have no gaps"),
        (keep_a_task, "no task is left over"),
        (keep_a_timer, "no timer is left over"),
        (keep_a_cancellation, "no cancellation is left over"),
        (forget_runs, "a counted result comes from a run"),
        (overtake_runs, "a report of an ended lease does not count"),
        (share_a_key, "an idempotency key names one item"),
        (recall_another_value, "a recorded value comes back"),
        (compute_again, "a durable value is not computed again"),
        (acknowledge_a_signal_that_is_not_there, "an acknowledged signal is stored"),
        (acknowledge_a_start_that_is_not_there, "an acknowledged start is there"),
        (overlook_an_event, "a watcher saw the history"),
        (overlook_a_change, "a watcher saw all changes of status"),
    ],
)
def test_what_is_wrong_is_told(
    evidence: Evidence, tamper: Callable[[Evidence], Evidence], promise: str
) -> None:
    found = Report()
    check(tamper(evidence), found)
    assert any(violation.startswith(f"{promise}:") for violation in found.violations)
