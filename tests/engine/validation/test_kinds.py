"""What stands inside of joins, waits, sleeps, pauses and children."""

from __future__ import annotations

from typing import Any

import pytest

from branchline.engine.definition import SECOND

from .definitions import WAIT, codes, only, step, work

END = work("end")


def join(**fields: object) -> list[dict[str, Any]]:
    """A fork into `wood` and `glass`, and the join `it`."""
    edges = [{"step": "it", "branch": "wood"}, {"step": "it", "branch": "glass"}]
    return [work("fork", next=edges), step("join", fields)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"branches": ["wood", "glass"]},
        {"branches": ["main", "wood"], "branch_mappings": {"main.a": "x", "wood": "y"}},
        {"branches": ["wood", "glass"], "count": 0},
        {"branches": ["wood", "glass"], "count": 2},
        {"count": 1000},
        {"branch_mappings": {"main.a": "x", "wood.a.b": "y.z", "glass": "w"}},
    ],
)
def test_sound_joins(fields: dict[str, Any]) -> None:
    assert codes(*join(**fields)) == []


@pytest.mark.parametrize(
    ("fields", "culprit"),
    [
        ({"branches": ["wood", "metal"]}, "metal"),
        ({"branches": ["wood", ""]}, ""),
        ({"branches": ["wood", "main-1"]}, "main-1"),
        ({"branches": ["wood"], "branch_mappings": {"glass.pane": "sheet"}}, "glass"),
        ({"branches": ["wood"], "branch_mappings": {"glass": "sheet"}}, "glass"),
        ({"branches": ["wood"], "branch_mappings": {"main.a": "a"}}, "main"),
        ({"branch_mappings": {"metal.a": "a"}}, "metal"),
        ({"branch_mappings": {".a": "a"}}, ""),
        ({"branches": ["metal"], "branch_mappings": {"metal.a": "a"}}, "metal"),
    ],
)
def test_a_join_knows_only_branches_that_edges_name(fields: dict[str, Any], culprit: str) -> None:
    problem = only(*join(**fields))
    assert (problem.code, problem.step) == ("UNKNOWN_JOIN_BRANCH", "it")
    assert f'"{culprit}"' in problem.message


def test_every_wrong_mapping_is_told() -> None:
    mappings = {"metal.a": "a", "metal.b": "b", "wood.a": "c"}
    assert codes(*join(branch_mappings=mappings)) == [("UNKNOWN_JOIN_BRANCH", "it")] * 2


@pytest.mark.parametrize(
    "fields",
    [
        {"count": -1},
        {"branches": ["wood"], "count": -1},
        {"branches": ["wood", "glass"], "count": 3},
        {"branches": ["wood", "wood"], "count": 2},
    ],
)
def test_a_join_asks_for_no_more_than_it_lists(fields: dict[str, Any]) -> None:
    problem = only(*join(**fields))
    assert (problem.code, problem.step) == ("INVALID_JOIN", "it")
    assert "join.count" in problem.message


def test_a_mapping_needs_a_destination() -> None:
    problem = only(*join(branch_mappings={"wood.a": ""}))
    assert problem.code == "INVALID_FIELD"
    assert '"wood.a"' in problem.message


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"topic": ""}, "topic"),
        ({"timeout": None}, "timeout"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -SECOND}, "timeout"),
    ],
)
def test_a_wait_needs_a_topic_and_a_positive_timeout(change: dict[str, Any], field: str) -> None:
    problem = only(step("wait_signal", {**WAIT, **change}))
    assert (problem.code, problem.step) == ("INVALID_WAIT", "it")
    assert f"wait_signal.{field}" in problem.message


def test_an_empty_wait_lacks_both() -> None:
    assert codes(step("wait_signal", {})) == [("INVALID_WAIT", "it")] * 2


def test_a_wait_goes_to_a_known_step_on_timeout() -> None:
    problem = only(step("wait_signal", {**WAIT, "on_timeout": "roof"}))
    assert (problem.code, problem.step) == ("UNKNOWN_TIMEOUT_TARGET", "it")
    assert '"roof"' in problem.message
    assert codes(step("wait_signal", {**WAIT, "on_timeout": "end"}), END) == []


def test_a_wait_stores_under_a_bare_name() -> None:
    problem = only(step("wait_signal", {**WAIT, "store": "state.ok"}))
    assert problem.code == "INVALID_STORE_PATH"
    assert problem.message.startswith("wait_signal.store")
    assert codes(step("wait_signal", {**WAIT, "store": "ok"})) == []


def test_a_topic_is_a_template() -> None:
    problem = only(step("wait_signal", {**WAIT, "topic": "ticket-${state.id"}))
    assert (problem.code, problem.step) == ("INVALID_TEMPLATE", "it")
    assert "wait_signal.topic" in problem.message
    assert codes(step("wait_signal", {**WAIT, "topic": "ticket-${state.id}"})) == []


@pytest.mark.parametrize("sleep", [{}, {"duration": 0}, {"duration": -1}])
def test_a_sleep_lasts_some_time(sleep: dict[str, Any]) -> None:
    assert codes(step("sleep", sleep)) == [("INVALID_SLEEP", "it")]


def test_the_shortest_sleep_is_fine() -> None:
    assert codes(step("sleep", {"duration": 1})) == []


def test_a_pause_needs_an_edge() -> None:
    assert codes(step("pause", {})) == [("INVALID_PAUSE", "it")]
    assert codes(step("pause", {}, next=[{"step": "end"}, {"step": "it"}]), END) == []


def test_an_edge_of_a_pause_names_no_branch() -> None:
    edges = [{"step": "end"}, {"step": "end", "branch": "express"}]
    problem = only(step("pause", {}, next=edges), END)
    assert (problem.code, problem.step) == ("INVALID_PAUSE", "it")
    assert '"express"' in problem.message


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"workflow": ""}, "INVALID_FIELD"),
        ({"version": 0}, "INVALID_FIELD"),
        ({"version": -1}, "INVALID_FIELD"),
        ({"inputs": ["a"]}, "INVALID_FIELD"),
        ({"inputs": {"deep": [{"n": "${inputs.}"}]}}, "INVALID_TEMPLATE"),
        ({"timeout": 0}, "INVALID_TIMEOUT"),
        ({"timeout": -SECOND}, "INVALID_TIMEOUT"),
    ],
)
def test_a_child_holds_what_it_needs(change: dict[str, Any], code: str) -> None:
    problem = only(step("child", {"workflow": "log", **change}))
    assert (problem.code, problem.step) == (code, "it")
    assert f"child.{next(iter(change))}" in problem.message


def test_a_sound_child_is_silent() -> None:
    child = {"workflow": "log", "version": 1, "inputs": {"n": ["${inputs.n}"]}, "timeout": 1}
    assert codes(step("child", child)) == []
