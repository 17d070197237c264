"""Random sound workflows, and random things that happen to their executions.

Steps lead forward, so that all are reachable; only activities lead back, so that no loop is
without work. Several conditions and parameters fail on purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from branchline.engine.definition import SECOND

from .playing import Json, step, to

TOPICS = ("bell", "horn")
ERRORS = ("activity_failed", "timeout", "fatal_error", "busy")

_WHENS = (*[""] * 6, "state.again", "!state.again", "state.n > 1", "has(state.x)", "state.x == 1")
_KINDS = (
    *("activity", "activity", "each", "each", "wait", "wait"),
    *("sleep", "join", "join", "pause", "child", "children"),
)
_PARAMETERS: tuple[Json, ...] = ({}, {"n": "${state.n}"}, {"x": "${state.x}"})
_ITEMS: tuple[Json, ...] = ([], [1, "${state.n}"], "[1, 2, 3]", "state.x", {"k": 1})

_FOLLOW_UPS: tuple[Json, ...] = (
    {"workflow": "bread"},
    {"workflow": "bread", "condition": "outputs.nothing"},
    {"workflow": "cake", "condition": "false"},
    {"workflow": "cake", "inputs": {"by": "${execution.id}"}},
)

_Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def workflows(draw: _Draw) -> dict[str, Json]:
    """The steps and other fields of a workflow, as keyword arguments of ``playing.workflow``."""
    count = draw(st.integers(2, 8))
    edges = _edges(draw, count)
    names = [edge["branch"] for ways in edges for edge in ways if edge["branch"]]
    steps = [_step(draw, number, count, edges[number], names) for number in range(count)]
    steps[0] = step("s0", *edges[0])
    limit = draw(st.sampled_from([None, None, None, 300 * SECOND]))
    state = {"n": draw(st.integers(0, 2)), "again": draw(st.booleans()), "x": "bell"}
    follow_ups = draw(st.lists(st.sampled_from(_FOLLOW_UPS), max_size=3))
    return {"steps": steps, "timeout": limit, "state": state, "follow_ups": follow_ups}


def happenings() -> st.SearchStrategy[list[tuple[str, int]]]:
    """What happens, each with a number that chooses among what is there."""
    often = ["complete"] * 10 + ["fail"] * 3 + ["signal"] * 6 + ["wake"] * 4 + ["wait"] * 3
    often += ["begin"] * 6 + ["refuse"] + ["child completes"] * 4 + ["child fails"] * 2
    seldom = [
        "child is canceled",
        "stale",
        "stale child",
        "record",
        "early wake",
        "late wake",
        "pause",
        "pause",
        "unpause",
        "unpause",
        "unpause",
    ]
    kinds = st.sampled_from([*often, *seldom])
    happened = st.lists(st.tuples(kinds, st.integers(0, 1000)), min_size=10, max_size=40)
    end = st.sampled_from([[], [], [("cancel", 0)]])
    return st.tuples(happened, end).map(lambda parts: [*parts[0], *parts[1]])


def _edges(draw: _Draw, count: int) -> list[list[Json]]:
    """The edges of each step; each step but the first has one that leads to it."""
    ways: list[list[int]] = [[] for _ in range(count)]
    for target in range(1, count):
        ways[draw(st.integers(max(0, target - 2), target - 1))].append(target)
    for source in range(count - 1):
        ways[source] += draw(st.lists(st.integers(source + 1, count - 1), max_size=2))
    numbers = iter(range(1000))
    return [[_edge(draw, target, numbers) for target in targets] for targets in ways]


def _edge(draw: _Draw, target: int, numbers: Any) -> Json:  # noqa: ANN401 - an iterator
    branch = f"b{next(numbers)}" if draw(st.booleans()) else ""
    return to(f"s{target}", branch, draw(st.sampled_from(_WHENS)))


def _step(draw: _Draw, number: int, count: int, edges: list[Json], names: list[str]) -> Json:
    name = f"s{number}"
    fields: dict[str, Json] = {"edge_matching_strategy": draw(st.sampled_from(["all", "first"]))}
    kind = draw(st.sampled_from(_KINDS))
    if kind == "join":
        return step(name, *edges, join=_join(draw, names), **fields)
    if kind == "sleep":
        return step(name, *edges, sleep={"duration": draw(st.integers(1, 60)) * SECOND}, **fields)
    if kind == "pause" and edges and not any(edge["branch"] for edge in edges):
        return step(name, *edges, pause={"reason": name})
    later = [f"s{target}" for target in range(number + 1, count)]
    fields |= _handlers(draw, later)
    if kind == "wait":
        return step(name, *edges, wait_signal=_wait(draw, later), **fields)
    if kind in ("child", "children"):
        fields["child"] = _child(draw)
    else:
        fields["parameters"] = draw(st.sampled_from(_PARAMETERS))
    fields["store"] = draw(st.sampled_from(["", "x"]))
    if kind in ("each", "children"):
        fields["each"] = {
            "items": draw(st.sampled_from(_ITEMS)),
            "as": draw(st.sampled_from(["", "x"])),
            "max_concurrency": draw(st.integers(0, 2)),
        }
    elif kind == "activity" and draw(st.booleans()):
        edges = [*edges, to(f"s{draw(st.integers(0, number))}", when="state.again")]
    return step(name, *edges, **fields)


def _join(draw: _Draw, names: list[str]) -> Json:
    if draw(st.integers(0, 3)) == 0:
        return {"count": draw(st.integers(0, 2))}
    listed = draw(st.lists(st.sampled_from([*names, "main"]), min_size=1, max_size=3, unique=True))
    mapped = draw(st.lists(st.sampled_from(listed), max_size=2, unique=True))
    mappings = {f"{name}.x": draw(st.sampled_from(["x", "got.x", "n.deep"])) for name in mapped}
    return {
        "branches": listed,
        "count": draw(st.integers(0, len(listed))),
        "branch_mappings": mappings,
    }


def _wait(draw: _Draw, later: list[str]) -> Json:
    return {
        "topic": draw(st.sampled_from([*TOPICS, "${state.x}"])),
        "timeout": draw(st.integers(1, 60)) * SECOND,
        "store": draw(st.sampled_from(["", "x"])),
        "on_timeout": draw(st.sampled_from(["", *later])),
    }


def _child(draw: _Draw) -> Json:
    return {
        "workflow": "bread",
        "inputs": draw(st.sampled_from(_PARAMETERS)),
        "wait": draw(st.sampled_from([True, True, False])),
        "timeout": draw(st.sampled_from([None, 20 * SECOND])),
    }


def _handlers(draw: _Draw, later: list[str]) -> dict[str, Json]:
    types = st.lists(st.sampled_from(["all", "all", *ERRORS]), min_size=1, max_size=3)
    retry = [
        {
            "error_equals": draw(types),
            "max_retries": draw(st.integers(0, 3)),
            "base_delay": draw(st.sampled_from([0, SECOND])),
            "jitter_strategy": draw(st.sampled_from(["NONE", "FULL"])),
            "timeout": draw(st.sampled_from([None, None, 5 * SECOND])),
        }
        for _ in range(draw(st.integers(1, 2)))
    ]
    catch = [
        {
            "error_equals": draw(types),
            "next": draw(st.sampled_from(later)),
            "store": draw(st.sampled_from(["", "x"])),
        }
        for _ in range(draw(st.integers(0, 2)) if later else 0)
    ]
    return {"retry": retry, "catch": catch}
