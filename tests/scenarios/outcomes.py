"""What may be expected of any execution that a scenario knows: each check tells the differences."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import UNSET, structs

from branchline.v1 import event_pb2, execution_pb2
from tests.scenarios.api import branch_statuses, status_name
from tests.scenarios.compare import differs, same
from tests.scenarios.scenario import ExpectedDormancy, Outcome

_MISSING = "(not there)"


class Seen(NamedTuple):
    """What was read of an execution."""

    execution: execution_pb2.Execution
    history: list[event_pb2.Event]

    @property
    def state(self) -> dict[str, dict[str, Any]]:
        """The variables of each branch."""
        branches = self.execution.branches
        return {branch.id: json.loads(branch.state_json or "{}") for branch in branches}


def judge_outcome(outcome: Outcome, seen: Seen) -> list[str]:
    """How an execution differs from what is expected of it."""
    differences: list[str] = []
    for name, check in _CHECKS.items():
        expected = getattr(outcome, name)
        if expected is not UNSET:
            differences += check(expected, seen)
    return differences


def _status(expected: str, seen: Seen) -> list[str]:
    status = status_name(seen.execution)
    if status == expected:
        return []
    error = seen.execution.error
    why = f" ({error.type}: {error.message})" if seen.execution.HasField("error") else ""
    return [f"status: expected {expected}, got {status}{why}"]


def _outputs(expected: dict[str, Any], seen: Seen) -> list[str]:
    text = seen.execution.outputs_json
    outputs = json.loads(text) if text else {}
    return [] if same(expected, outputs) else [differs("outputs", expected, outputs)]


def _error(expected: Any, seen: Seen) -> list[str]:  # noqa: ANN401  # ExpectedError
    error = seen.execution.error
    if not seen.execution.HasField("error"):
        return ["error: expected one, got none"]
    differences = []
    if expected.type is not UNSET and error.type != expected.type:
        differences.append(differs("error type", expected.type, error.type))
    missing = [text for text in expected.mentions if text not in error.message]
    if missing:
        differences.append(f"error: {missing} not mentioned in {error.message!r}")
    return differences


def _branches(expected: dict[str, str], seen: Seen) -> list[str]:
    statuses = branch_statuses(seen.execution)
    return [] if statuses == expected else [differs("branches", expected, statuses)]


def _state(expected: dict[str, dict[str, Any]], seen: Seen) -> list[str]:
    state = seen.state
    differences = []
    for branch, variables in expected.items():
        for name, value in variables.items():
            got = state.get(branch, {}).get(name, _MISSING)
            if not same(value, got):
                differences.append(differs(f"state {branch}.{name}", value, got))
    return differences


def _absent(expected: dict[str, list[str]], seen: Seen) -> list[str]:
    state = seen.state
    differences = [f"absent: no branch {name}" for name in expected if name not in state]
    return differences + [
        f"absent {branch}.{name}: it is there"
        for branch, names in expected.items()
        for name in names
        if name in state.get(branch, {})
    ]


def _visits(expected: dict[str, list[str]], seen: Seen) -> list[str]:
    visits: dict[str, list[str]] = {}
    for event in seen.history:
        if event.HasField("step_started"):
            visit = event.step_started
            visits.setdefault(visit.branch, []).append(visit.step)
    return [
        differs(f"visits of {branch}", steps, visits.get(branch, []))
        for branch, steps in expected.items()
        if steps != visits.get(branch, [])
    ]


def _suspension(expected: Any, seen: Seen) -> list[str]:  # noqa: ANN401  # ExpectedSuspension
    if not seen.execution.HasField("suspension"):
        return ["suspension: expected one, got none"]
    suspension = seen.execution.suspension
    differences = []
    reason = _reason(suspension.reason)
    if expected.reason is not UNSET and reason != expected.reason:
        differences.append(differs("suspension reason", expected.reason, reason))
    topics = list(suspension.topics)
    if expected.topics is not UNSET and sorted(topics) != sorted(expected.topics):
        differences.append(differs("suspension topics", expected.topics, topics))
    dormant = {branch.branch: branch for branch in suspension.branches}
    for name, dormancy in expected.branches.items():
        if name not in dormant:
            differences.append(f"suspension: {name} is not told of, only {sorted(dormant)}")
        else:
            differences += _dormancy(name, dormancy, dormant[name])
    return differences


def _dormancy(
    name: str, expected: ExpectedDormancy, branch: execution_pb2.DormantBranch
) -> list[str]:
    got = {"reason": _reason(branch.reason), "step": branch.step, "topic": branch.topic}
    got["pause_reason"] = branch.pause_reason
    return [
        differs(f"suspension of {name}, {key}", value, got.get(key, _MISSING))
        for key, value in structs.asdict(expected).items()
        if value is not UNSET and value != got.get(key)
    ]


def _reason(reason: execution_pb2.SuspensionReason.ValueType) -> str:
    return execution_pb2.SuspensionReason.Name(reason).removeprefix("SUSPENSION_REASON_")


def _version(expected: int, seen: Seen) -> list[str]:
    version = seen.execution.version
    return [] if version == expected else [differs("version", expected, version)]


_CHECKS: dict[str, Callable[[Any, Seen], list[str]]] = {
    "status": _status,
    "outputs": _outputs,
    "error": _error,
    "branches": _branches,
    "state": _state,
    "absent": _absent,
    "visits": _visits,
    "suspension": _suspension,
    "version": _version,
}

CHECKED = frozenset([*_CHECKS, "gone"])
"""What can be expected of an execution; whether it is gone is seen before it is read."""
