"""Which features a scenario uses: ``step pause``, ``do cancel``, ``run wait``, ``expect calls``."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET, structs

from tests.scenarios.actions import runs_of
from tests.scenarios.scenario import Definition, Entry, Expect, Outcome, Scenario, Start

_KINDS = ("activity", "join", "wait_signal", "sleep", "pause", "child")
_OLD_CHILD = "workflow.child"


def uses_of(scenario: Scenario) -> set[str]:
    """All features that playing the scenario needs."""
    return {
        *_of_expectations(scenario.expect),
        # Any server finds the problems of any definition.
        *(() if scenario.expect.problems is not UNSET else _of_play(scenario)),
    }


def _of_play(scenario: Scenario) -> Iterator[str]:
    for definition in (scenario.workflow, *scenario.also):
        yield from _of_definition(definition)
    yield from _of_start(scenario.start)
    for entry in scenario.do:
        yield from _of_entry(entry)
    for entries in scenario.activities.values():
        yield from (f"run {key}" for actions in runs_of(entries) for key, _ in actions)
    yield from (f"builtin {name}" for name in scenario.builtin)


def _of_definition(definition: Definition) -> Iterator[str]:
    if definition.get("follow_ups"):
        yield "definition follow_ups"
    for step in definition.get("steps") or ():
        if isinstance(step, dict):
            yield from (f"step {kind}" for kind in _KINDS if kind in step)
            if step.get("activity") == _OLD_CHILD:
                yield "step child"


def _of_start(start: Start) -> Iterator[str]:
    if start.labels is not UNSET:
        yield "start labels"


def _of_entry(entry: Entry) -> Iterator[str]:
    if entry.action:
        yield f"do {entry.action}"
    if entry.start_other is not UNSET:
        yield from _of_start(entry.start_other)
    if entry.register is not UNSET and entry.refused is UNSET:
        yield from _of_definition(entry.register)
    if entry.when is not UNSET:
        yield f"status {entry.when.status}"
        yield from (f"status {status}" for status in entry.when.branch.values())


def _of_expectations(expect: Expect) -> Iterator[str]:
    for name, value in structs.asdict(expect).items():
        if value is not UNSET:
            yield f"expect {name}"
    for outcome in (expect, *expect.others.values()):
        yield from _of_outcome(outcome)


def _of_outcome(outcome: Outcome) -> Iterator[str]:
    yield f"status {outcome.status}"
    if outcome.branches is not UNSET:
        yield from (f"status {status}" for status in outcome.branches.values())
    if outcome.suspension is not UNSET:
        reasons = [branch.pause_reason for branch in outcome.suspension.branches.values()]
        if any(reason is not UNSET for reason in reasons):
            yield "expect pause_reason"
