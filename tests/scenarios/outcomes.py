"""What may be expected of any execution that a scenario knows: each check tells the differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET, structs

from tests.scenarios.compare import differs, same
from tests.scenarios.facts import Seen
from tests.scenarios.scenario import Expect, ExpectedDormancy, Outcome

_MISSING = "(not there)"


def judge_outcome(outcome: Outcome, seen: Seen | None) -> list[str]:
    """How an execution differs from what is expected of it."""
    if seen is None:
        return [] if outcome.gone is True else ["the execution does not exist"]
    if outcome.gone is True:
        return ["gone: the execution still exists"]
    differences: list[str] = []
    for name, check in _CHECKS.items():
        expected = getattr(outcome, name)
        if expected is not UNSET:
            differences += check(expected, seen)
    return differences


def can_be_judged(outcome: Outcome, seen: Seen | None) -> bool:
    """Whether an execution is as far as expected, or will not come further: it has closed."""
    if seen is None or outcome.gone is True:
        return seen is None and outcome.gone is True
    if seen.is_closed:
        return True
    if outcome.status is not UNSET:
        return seen.status == outcome.status
    return not _tells_the_end(outcome)


def _tells_the_end(outcome: Outcome) -> bool:
    """Whether something is expected that only a closed execution has."""
    elapsed = outcome.elapsed if isinstance(outcome, Expect) else UNSET
    return any(value is not UNSET for value in (outcome.outputs, outcome.error, elapsed))


def _status(expected: str, seen: Seen) -> list[str]:
    if seen.status == expected:
        return []
    why = f" ({seen.error.type}: {seen.error.message})" if seen.error else ""
    return [f"status: expected {expected}, got {seen.status}{why}"]


def _outputs(expected: dict[str, Any], seen: Seen) -> list[str]:
    return [] if same(expected, seen.outputs) else [differs("outputs", expected, seen.outputs)]


def _error(expected: Any, seen: Seen) -> list[str]:  # noqa: ANN401  # ExpectedError
    error = seen.error
    if error is None:
        return ["error: expected one, got none"]
    differences = []
    if expected.type is not UNSET and error.type != expected.type:
        differences.append(differs("error type", expected.type, error.type))
    missing = [text for text in expected.mentions if text not in error.message]
    if missing:
        differences.append(f"error: {missing} not mentioned in {error.message!r}")
    return differences


def _branches(expected: dict[str, str], seen: Seen) -> list[str]:
    return [] if seen.branches == expected else [differs("branches", expected, seen.branches)]


def _state(expected: dict[str, dict[str, Any]], seen: Seen) -> list[str]:
    differences = []
    for branch, variables in expected.items():
        for name, value in variables.items():
            got = seen.state.get(branch, {}).get(name, _MISSING)
            if not same(value, got):
                differences.append(differs(f"state {branch}.{name}", value, got))
    return differences


def _absent(expected: dict[str, list[str]], seen: Seen) -> list[str]:
    differences = [f"absent: no branch {name}" for name in expected if name not in seen.state]
    return differences + [
        f"absent {branch}.{name}: it is there"
        for branch, names in expected.items()
        for name in names
        if name in seen.state.get(branch, {})
    ]


def _visits(expected: dict[str, list[str]], seen: Seen) -> list[str]:
    return [
        differs(f"visits of {branch}", steps, seen.visits.get(branch, []))
        for branch, steps in expected.items()
        if steps != seen.visits.get(branch, [])
    ]


def _suspension(expected: Any, seen: Seen) -> list[str]:  # noqa: ANN401  # ExpectedSuspension
    suspension = seen.suspension
    if suspension is None:
        return ["suspension: expected one, got none"]
    differences = []
    if expected.reason is not UNSET and suspension.reason != expected.reason:
        differences.append(differs("suspension reason", expected.reason, suspension.reason))
    topics = suspension.topics
    if expected.topics is not UNSET and sorted(topics) != sorted(expected.topics):
        differences.append(differs("suspension topics", expected.topics, topics))
    for name, dormancy in expected.branches.items():
        if name not in suspension.branches:
            known = sorted(suspension.branches)
            differences.append(f"suspension: {name} is not told of, only {known}")
        else:
            differences += _dormancy(name, dormancy, suspension.branches[name])
    return differences


def _dormancy(name: str, expected: ExpectedDormancy, got: dict[str, str]) -> list[str]:
    return [
        differs(f"suspension of {name}, {key}", value, got.get(key, _MISSING))
        for key, value in structs.asdict(expected).items()
        if value is not UNSET and value != got.get(key)
    ]


def _version(expected: int, seen: Seen) -> list[str]:
    return [] if seen.version == expected else [differs("version", expected, seen.version)]


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
