"""What must come out of a scenario: each check tells how the facts differ from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from msgspec import UNSET, structs

from tests.scenarios import outcomes
from tests.scenarios.compare import differs, same, same_in_any_order, show
from tests.scenarios.durations import seconds
from tests.scenarios.facts import CLOSED, Facts, SeenList, SeenVisit
from tests.scenarios.outcomes import judge_outcome
from tests.scenarios.scenario import (
    Elapsed,
    Expect,
    ExpectedVisit,
    Listed,
    ListFilter,
    Outcome,
    WaitingTask,
)

SELF = "self"
"""What scenarios call their own execution."""

_ANY_ORDER = "any_order"


def judge(expect: Expect, facts: Facts) -> list[str]:
    """How what came out differs from what is expected; empty when it does not."""
    differences: list[str] = []
    for name, outcome in every_outcome(expect).items():
        told = judge_outcome(outcome, facts.executions.get(name))
        differences += told if name == SELF else [f"{name}: {difference}" for difference in told]
    for key, check in _CHECKS.items():
        expected = getattr(expect, key)
        if expected is not UNSET:
            differences += check(_without_order(expect, key, expected), facts)
    return differences


def every_outcome(expect: Expect) -> dict[str, Outcome]:
    """What is expected of each execution, by its name."""
    return {SELF: expect, **expect.others}


def names_in_lists(expect: Expect) -> set[str]:
    """The executions that are expected in lists, by their names."""
    lists = [] if expect.listed is UNSET else expect.listed
    return {name for listed in lists for name in listed.finds}


def waits_for(expect: Expect) -> Counter[tuple[str, str]]:
    """The activities that must wait for a worker, with their task queues."""
    tasks = [] if expect.waiting_for is UNSET else expect.waiting_for
    return Counter((task.activity, task.task_queue) for task in tasks)


def _without_order(expect: Expect, key: str, expected: Any) -> Any:  # noqa: ANN401
    """Let the parameters say themselves whether their order matters."""
    if key == "parameters" and expect.any_order:
        return {**expected, _ANY_ORDER: True}
    return expected


def _calls(expected: dict[str, int], facts: Facts) -> list[str]:
    got = {name: facts.runs.calls(name) for name in expected}
    return [] if got == expected else [differs("calls", expected, got)]


def _computed(expected: dict[str, int], facts: Facts) -> list[str]:
    got = {key: facts.runs.computed.get(key, 0) for key in expected}
    return [] if got == expected else [differs("computed", expected, got)]


def _at_once(expected: dict[str, int], facts: Facts) -> list[str]:
    got = {name: facts.runs.most_at_once.get(name, 0) for name in expected}
    return [
        f"at_once {name}: at most {most} allowed, got {got[name]}"
        for name, most in expected.items()
        if got[name] > most
    ]


def _waiting_for(expected: list[WaitingTask], facts: Facts) -> list[str]:
    wanted = sorted((task.activity, task.task_queue) for task in expected)
    seen = facts.executions.get(SELF)
    waiting = sorted(seen.waiting) if seen else []
    return [] if waiting == wanted else [differs("waiting_for", wanted, waiting)]


def _children(expected: dict[str, int], facts: Facts) -> list[str]:
    return [
        differs(f"children {workflow}", f"{count} closed", facts.children.get(workflow, []))
        for workflow, count in expected.items()
        if not all_closed(facts.children.get(workflow, []), count)
    ]


def all_closed(statuses: list[str], count: int) -> bool:
    """Whether so many executions have ended, and there are no others."""
    return len(statuses) == count and CLOSED.issuperset(statuses)


def _follow_up_errors(expected: list[str], facts: Facts) -> list[str]:
    seen = facts.executions.get(SELF)
    got = seen.follow_up_errors if seen else []
    return [] if sorted(got) == sorted(expected) else [differs("follow_up_errors", expected, got)]


def _round_trip(expected: bool, facts: Facts) -> list[str]:  # noqa: FBT001  # from the file
    return [f"round_trip: {facts.round_trip}"] if expected and facts.round_trip else []


def _listed(expected: list[Listed], facts: Facts) -> list[str]:
    differences = []
    for listed, seen in zip(expected, facts.lists, strict=True):
        what = f"listed {show(_shown(listed.filter))}"
        if seen.found != [facts.ids[name] for name in listed.finds]:
            names = {execution_id: name for name, execution_id in facts.ids.items()}
            got = [names.get(execution_id, execution_id) for execution_id in seen.found]
            differences.append(differs(what, listed.finds, got))
        elif difference := _count_difference(seen):
            differences.append(f"{what}: {difference}")
    return differences


def _count_difference(seen: SeenList) -> str:
    if (seen.total, seen.counted) == (len(seen.found), seen.statuses):
        return ""
    found = {"total": len(seen.found), **seen.statuses}
    return differs("counted", found, {"total": seen.total, **seen.counted})


def _shown(wanted: ListFilter) -> dict[str, object]:
    fields = structs.asdict(wanted)
    return {name: value for name, value in fields.items() if value is not UNSET and value != {}}


def _elapsed(expected: Elapsed, facts: Facts) -> list[str]:
    seen = facts.executions.get(SELF)
    if seen is None or seen.lived is None:
        return ["elapsed: the execution has not closed"]
    differences = []
    if expected.at_least is not UNSET and seen.lived < seconds(expected.at_least):
        differences.append(f"elapsed: at least {expected.at_least}, got {seen.lived:.3f} s")
    if expected.at_most is not UNSET and seen.lived > seconds(expected.at_most):
        differences.append(f"elapsed: at most {expected.at_most}, got {seen.lived:.3f} s")
    return differences


def _status_changes(expected: list[str], facts: Facts) -> list[str]:
    got = facts.status_changes
    return [] if got == expected else [differs("status_changes", expected, got)]


def _parameters(expected: dict[str, Any], facts: Facts) -> list[str]:
    equal = same_in_any_order if expected.get(_ANY_ORDER) is True else same
    return [
        differs(f"parameters of {name}", runs, facts.runs.parameters(name))
        for name, runs in expected.items()
        if name != _ANY_ORDER and not equal(runs, facts.runs.parameters(name))
    ]


def _progress(expected: dict[str, list[ExpectedVisit]], facts: Facts) -> list[str]:
    """Each visit must be as expected, in what is expected of it."""
    differences = []
    for branch, visits in expected.items():
        wanted = [_wanted(visit) for visit in visits]
        got = [_told(visit) for visit in facts.step_visits if visit.branch == branch]
        if not _agree(wanted, got):
            differences.append(differs(f"progress of {branch}", wanted, got))
    return differences


def _agree(wanted: list[dict[str, Any]], got: list[dict[str, Any]]) -> bool:
    return len(wanted) == len(got) and all(
        same(one, {key: other[key] for key in one}) for one, other in zip(wanted, got, strict=True)
    )


def _wanted(visit: ExpectedVisit) -> dict[str, Any]:
    return {name: value for name, value in structs.asdict(visit).items() if value is not UNSET}


def _told(visit: SeenVisit) -> dict[str, Any]:
    return {name: value for name, value in visit._asdict().items() if name != "branch"}


_CHECKS: dict[str, Callable[[Any, Facts], list[str]]] = {
    "calls": _calls,
    "computed": _computed,
    "at_once": _at_once,
    "waiting_for": _waiting_for,
    "children": _children,
    "follow_up_errors": _follow_up_errors,
    "round_trip": _round_trip,
    "listed": _listed,
    "elapsed": _elapsed,
    "parameters": _parameters,
    "status_changes": _status_changes,
    "progress": _progress,
}

CHECKED = frozenset(
    [*_CHECKS, *outcomes.CHECKED, "others", "any_order", "problems", "start_refused"]
)
"""What can be expected; the last ones are seen to in other places."""
