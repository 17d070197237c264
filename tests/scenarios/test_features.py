"""What a scenario uses decides whether it is played."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import structs

from tests.scenarios import expectations, outside, performing
from tests.scenarios.actions import ORDER
from tests.scenarios.bare import outside as bare_outside
from tests.scenarios.features import MISSING, reasons_to_skip
from tests.scenarios.scenario import ACTIONS, Expect, Scenario
from tests.scenarios.uses import uses_of

STEP = {"name": "boil", "activity": "boil"}


def scenario(**parts: object) -> Scenario:
    plain: dict[str, Any] = {
        "name": "tea",
        "workflow": {"name": "tea", "steps": [STEP]},
        "expect": {},
        **parts,
    }
    return msgspec.convert(plain, Scenario)


@pytest.mark.parametrize(
    ("parts", "use"),
    [
        ({"workflow": {"name": "tea", "steps": [{"name": "a", "pause": {}}]}}, "step pause"),
        ({"also": [{"name": "b", "steps": [{"activity": "workflow.child"}]}]}, "step child"),
        ({"workflow": {"name": "tea", "follow_ups": [{}]}}, "definition follow_ups"),
        ({"start": {"labels": {"a": "b"}}}, "start labels"),
        ({"do": [{"start_other": {"as": "b", "labels": {"a": "b"}}}]}, "start labels"),
        ({"do": [{"pause": {}, "refused": "NOT_FOUND"}]}, "do pause"),
        ({"do": [{"register": {"name": "b", "steps": [{"child": {}}]}}]}, "step child"),
        ({"do": [{"when": {"status": "PAUSED"}}]}, "status PAUSED"),
        ({"do": [{"when": {"branch": {"main": "PAUSED"}}}]}, "status PAUSED"),
        ({"activities": {"boil": [[{"sleep": "1ms"}, {"wait": {}}]]}}, "run wait"),
        ({"builtin": ["shell"]}, "builtin shell"),
        ({"expect": {"others": {"b": {"status": "PAUSED"}}}}, "status PAUSED"),
        (
            {"expect": {"suspension": {"branches": {"main": {"pause_reason": "fog"}}}}},
            "expect pause_reason",
        ),
    ],
)
def test_a_use_is_noticed(parts: dict[str, Any], use: str) -> None:
    assert use in uses_of(scenario(**parts))
    assert use not in uses_of(scenario())


def test_a_scenario_is_skipped_for_each_reason_once() -> None:
    uses = ["step pause", "do unpause", "status PAUSED"]
    paused = scenario(
        workflow={"name": "tea", "steps": [{"name": "a", "pause": {}}]},
        do=[{"when": {"status": "PAUSED"}, "unpause": {"branch": "main"}}],
    )
    known = {MISSING[use] for use in uses if use in MISSING}
    assert reasons_to_skip(paused) == sorted(known)


def test_problems_are_found_in_definitions_that_cannot_run() -> None:
    steps = [{"name": "a", "pause": {}}, {"name": "b", "child": {}}]
    problems = [{"code": "INVALID_PAUSE"}]
    broken = scenario(workflow={"name": "tea", "steps": steps}, expect={"problems": problems})
    assert reasons_to_skip(broken) == []


@pytest.mark.parametrize(
    ("prefix", "names", "known"),
    [
        ("do", ACTIONS, outside.ACTIONS),
        ("do", ACTIONS, bare_outside.ACTIONS),
        ("run", ORDER, performing.ACTIONS),
        ("expect", structs.asdict(Expect()).keys(), expectations.CHECKED),
    ],
)
def test_the_runner_can_do_whatever_is_not_missing(
    prefix: str, names: list[str], known: frozenset[str]
) -> None:
    """A row that is taken out of the table needs its action or check."""
    assert {f"{prefix} {name}" for name in names if name not in known} <= MISSING.keys()
