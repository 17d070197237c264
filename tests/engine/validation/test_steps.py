"""Names, kinds, places, and the fields that a kind of step does not have."""

from __future__ import annotations

from typing import Any

import pytest

from branchline.engine.definition import SECOND

from .definitions import SLEEP, WAIT, codes, only, step, work

END = work("end")


def test_a_step_without_a_name_is_told_as_that_alone() -> None:
    assert codes({"activity": "work"}) == [("EMPTY_STEP_NAME", "")]
    assert codes(work("a"), work("")) == [("EMPTY_STEP_NAME", "")]


def test_several_nameless_steps_are_no_duplicates() -> None:
    assert codes(work(""), work("")) == [("EMPTY_STEP_NAME", "")] * 2


def test_a_duplicate_is_told_at_the_later_step() -> None:
    found = codes(work("a", "b"), work("b", "nowhere"), work("b"), work("b"))
    assert found == [
        ("UNKNOWN_EDGE_TARGET", "b"),
        ("DUPLICATE_STEP_NAME", "b"),
        ("DUPLICATE_STEP_NAME", "b"),
    ]


def test_a_duplicate_of_the_start_is_no_island() -> None:
    assert codes(work("a"), work("a", "b"), work("b")) == [("DUPLICATE_STEP_NAME", "a")]


def test_a_step_needs_a_kind() -> None:
    problem = only({"name": "it", "store": "x", "retry": [{}], "task_queue": "q"})
    assert (problem.code, problem.step) == ("NO_STEP_KIND", "it")


def test_a_step_has_one_kind_and_its_modifiers_are_not_judged_otherwise() -> None:
    problem = only(step("sleep", SLEEP, activity="work", child={"workflow": "x"}, store="x"))
    assert (problem.code, problem.step) == ("CONFLICTING_STEP_KINDS", "it")
    assert "activity, sleep, child" in problem.message


KINDS: dict[str, Any] = {
    "activity": "work",
    "join": {},
    "wait_signal": WAIT,
    "sleep": SLEEP,
    "pause": {},
    "child": {"workflow": "log"},
}
MODIFIERS: dict[str, Any] = {
    "parameters": {"loud": True},
    "store": "result",
    "each": {"items": [1]},
    "retry": [{"max_retries": 1}],
    "catch": [{"error_equals": ["all"], "next": "end"}],
    "task_queue": "oven",
    "timeout": SECOND,
    "heartbeat_timeout": SECOND,
    "schedule_timeout": SECOND,
}
ALLOWED = {
    "activity": set(MODIFIERS),
    "join": set(),
    "wait_signal": {"retry", "catch"},
    "sleep": set(),
    "pause": set(),
    "child": {"store", "each", "retry", "catch"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("field", MODIFIERS)
def test_a_modifier_belongs_to_some_kinds(kind: str, field: str) -> None:
    """Each kind of step has its fields (semantics 2.4); a field of another kind is told."""
    it = step(kind, KINDS[kind], next=[{"step": "end"}], **{field: MODIFIERS[field]})
    found = codes(it, END)
    assert found == ([] if field in ALLOWED[kind] else [("INVALID_MODIFIER", "it")])


@pytest.mark.parametrize("kind", KINDS)
def test_each_wrong_modifier_is_told_by_name(kind: str) -> None:
    it = step(kind, KINDS[kind], next=[{"step": "end"}], **MODIFIERS)
    assert len(codes(it, END)) == len(set(MODIFIERS) - ALLOWED[kind])


@pytest.mark.parametrize(
    ("kind", "field", "remedy"),
    [
        ("wait_signal", "store", "wait_signal.store"),
        ("wait_signal", "timeout", "wait_signal.timeout"),
        ("child", "parameters", "child.inputs"),
        ("child", "timeout", "child.timeout"),
        ("sleep", "timeout", "remove it"),
    ],
)
def test_the_field_that_was_meant_is_named(kind: str, field: str, remedy: str) -> None:
    message = only(step(kind, KINDS[kind], **{field: MODIFIERS[field]})).message
    assert message.startswith(f"{field} ")
    assert remedy in message


def test_what_is_misplaced_is_looked_into_all_the_same() -> None:
    found = codes(step("sleep", SLEEP, store="state.x", timeout=0))
    assert sorted(code for code, _ in found) == [
        "INVALID_MODIFIER",
        "INVALID_MODIFIER",
        "INVALID_STORE_PATH",
        "INVALID_TIMEOUT",
    ]


@pytest.mark.parametrize("field", ["timeout", "heartbeat_timeout", "schedule_timeout"])
@pytest.mark.parametrize(("value", "sound"), [(1, True), (0, False), (-SECOND, False)])
def test_time_limits_of_an_activity_are_positive(field: str, value: int, *, sound: bool) -> None:
    assert codes(work("it", **{field: value})) == ([] if sound else [("INVALID_TIMEOUT", "it")])


@pytest.mark.parametrize("parameters", [None, [], "text", 1])
def test_parameters_are_an_object(parameters: object) -> None:
    problem = only(work("it", parameters=parameters))
    assert problem.code == "INVALID_FIELD"
    assert problem.message.startswith("parameters must be an object")


def test_a_result_is_stored_under_a_bare_name() -> None:
    problem = only(work("it", store="state.total"))
    assert (problem.code, problem.step) == ("INVALID_STORE_PATH", "it")
    assert '"total"' in problem.message
    assert codes(work("it", store="state")) == []
    assert codes(work("it", store="statement.total")) == []


def test_a_step_belongs_to_a_known_group() -> None:
    groups = [{"id": "north"}]
    problem = only(work("it", group_id="west"), groups=groups)
    assert (problem.code, problem.step) == ("UNKNOWN_GROUP", "it")
    assert '"west"' in problem.message
    assert codes(work("it", group_id="north"), groups=groups) == []


def test_only_edges_catches_and_timeouts_lead_on() -> None:
    catch = [{"error_equals": ["all"], "next": "b"}]
    found = codes(
        work("a", "wait", catch=catch),
        work("b"),
        {"name": "wait", "wait_signal": {**WAIT, "on_timeout": "c"}},
        work("c"),
        work("attic", "cellar"),
        work("cellar", "attic"),
    )
    assert found == [("UNREACHABLE_STEP", "attic"), ("UNREACHABLE_STEP", "cellar")]


def test_an_unreachable_step_is_named_with_the_start() -> None:
    message = only(work("first"), work("a"), start_at="a").message
    assert '"first"' in message
    assert '"a"' in message


def test_what_a_nameless_step_leads_to_is_reachable_only_from_a_reachable_one() -> None:
    assert codes(work("", "b"), work("b")) == [("EMPTY_STEP_NAME", "")]
    found = codes(work("a"), work("", "b"), work("b"))
    assert found == [("EMPTY_STEP_NAME", ""), ("UNREACHABLE_STEP", "b")]


def test_names_with_quotes_and_control_characters_are_shown_on_one_line() -> None:
    odd = "a \"b\" 'c' {d} %s\n\x1b"
    problem = only(work(odd), work(odd))
    assert problem.step == odd
    assert "a \"b\" 'c' {d} %s\\n\\x1b" in problem.message
