"""Any definition, however broken: no exception, the same answer twice, in bounded time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from branchline.engine.definition import Workflow
from branchline.engine.validation import find_problems

from .definitions import WAIT, work, workflow

CODES = [
    "NAME_REQUIRED",
    "NO_STEPS",
    "EMPTY_STEP_NAME",
    "DUPLICATE_STEP_NAME",
    "UNKNOWN_START_STEP",
    "UNREACHABLE_STEP",
    "NO_STEP_KIND",
    "CONFLICTING_STEP_KINDS",
    "INVALID_MODIFIER",
    "UNKNOWN_EDGE_TARGET",
    "UNKNOWN_CATCH_TARGET",
    "UNKNOWN_TIMEOUT_TARGET",
    "RESERVED_BRANCH_NAME",
    "DUPLICATE_BRANCH_NAME",
    "INVALID_BRANCH_NAME",
    "UNKNOWN_JOIN_BRANCH",
    "INVALID_JOIN",
    "INVALID_WAIT",
    "INVALID_SLEEP",
    "INVALID_TIMEOUT",
    "INVALID_PAUSE",
    "INVALID_RETRY",
    "INVALID_CATCH",
    "INVALID_EACH",
    "INVALID_TEMPLATE",
    "INVALID_EXPRESSION",
    "INVALID_STORE_PATH",
    "INVALID_INPUT",
    "INVALID_FIELD",
    "EMPTY_GROUP_ID",
    "DUPLICATE_GROUP_ID",
    "UNKNOWN_GROUP",
    "GROUP_CYCLE",
]

# Few names, so that they meet; texts of all sorts, sound and broken.
NAMES = st.sampled_from(["", "a", "b", "c", "main", "state.a", "a.b", " a", "'\"\n"])
TEXTS = st.sampled_from(["", "true", "state.n", "state.", "${state.n}", "${", "x ${1 +} y", "("])
DURATIONS = st.none() | st.integers(-(2**63), 2**63 - 1)
COUNTS = st.none() | st.integers(-3, 3)
NUMBERS = st.none() | st.floats()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)


def some(**optional: Any) -> Any:  # noqa: ANN401 - strategies of any type
    return st.fixed_dictionaries({}, optional=optional)


def several(parts: Any) -> Any:  # noqa: ANN401 - a strategy
    return st.lists(parts, max_size=2)


EDGES = several(some(step=NAMES, condition=TEXTS, branch=NAMES))
POLICIES = some(
    max_retries=COUNTS,
    base_delay=DURATIONS,
    max_delay=DURATIONS,
    backoff_rate=NUMBERS,
    timeout=DURATIONS,
)
STEPS = some(
    name=NAMES,
    group_id=NAMES,
    next=EDGES,
    activity=NAMES,
    join=some(
        branches=several(NAMES),
        count=COUNTS,
        branch_mappings=st.dictionaries(NAMES, NAMES, max_size=2),
    ),
    wait_signal=some(topic=TEXTS, timeout=DURATIONS, store=NAMES, on_timeout=NAMES),
    sleep=some(duration=DURATIONS),
    pause=some(reason=NAMES),
    child=some(workflow=NAMES, version=COUNTS, inputs=VALUES, timeout=DURATIONS),
    parameters=VALUES,
    store=NAMES,
    each=st.fixed_dictionaries(
        {}, optional={"items": VALUES, "as": NAMES, "max_concurrency": COUNTS}
    ),
    retry=several(POLICIES),
    catch=several(some(error_equals=several(NAMES), next=NAMES, store=NAMES)),
    task_queue=NAMES,
    timeout=DURATIONS,
    heartbeat_timeout=DURATIONS,
)
WORKFLOWS = some(
    name=NAMES,
    inputs=several(some(name=NAMES, type=st.sampled_from(["", "integer", "odd"]), default=VALUES)),
    outputs=several(some(name=NAMES, variable=NAMES)),
    timeout=DURATIONS,
    state=VALUES,
    steps=st.lists(STEPS, max_size=4),
    start_at=NAMES,
    groups=several(some(id=NAMES, parent_id=NAMES, x=NUMBERS)),
    follow_ups=several(some(workflow=NAMES, condition=TEXTS, inputs=VALUES)),
)


@given(WORKFLOWS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_every_definition_is_judged_and_always_alike(definition: dict[str, Any]) -> None:
    broken: Workflow = workflow(**definition)
    problems = find_problems(broken)
    assert problems == find_problems(broken)
    names = {step.name for step in broken.steps} | {""}
    for problem in problems:
        assert problem.code in CODES
        assert problem.step in names
        assert problem.message
        assert "\n" not in problem.message


def chain(length: int) -> list[dict[str, Any]]:
    """A long line of steps, each with texts of its own."""
    return [
        work(
            f"s{n}",
            parameters={"n": f"${{state.n + {n % 50}}}"},
            next=[{"step": f"s{n + 1}", "condition": f"state.n > {n % 50}", "branch": f"b{n}"}],
        )
        for n in range(length)
    ]


BROKEN = {
    "name": "",
    "wait_signal": {},
    "parameters": 3,
    "next": [{"step": "nowhere", "branch": "same"}],
}


@pytest.mark.parametrize(
    ("large", "expected"),
    [
        (workflow(*chain(5000), {"name": "s5000", "wait_signal": WAIT}), 0),
        (workflow(*[BROKEN] * 5000), 5000 * 7 - 1),
        (workflow(*[work("a", "a")] * 5000), 4999),
        (
            workflow(
                work("a"), groups=[{"id": f"{n}", "parent_id": f"{n - 1}"} for n in range(5000)]
            ),
            1,
        ),
        (
            workflow(
                work("a", "j"),
                {
                    "name": "j",
                    "join": {
                        "branches": [f"{n}" for n in range(5000)],
                        "branch_mappings": {f"{n}.v": "v" for n in range(5000)},
                    },
                },
            ),
            5000,
        ),
    ],
    ids=["long chain", "all broken", "one name", "deep groups", "wide join"],
)
@pytest.mark.timeout(60)
def test_large_definitions_are_judged_whole(large: Workflow, expected: int) -> None:
    """The time grows with the definition, not with its square; nothing is recursive."""
    assert len(find_problems(large)) == expected
