"""Each, retry policies and catch handlers."""

from __future__ import annotations

from typing import Any

import pytest

from branchline.engine.definition import SECOND

from .definitions import codes, only, work


def each(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any field's value
    return work("it", each={"items": [1], **fields})


def test_an_each_needs_items() -> None:
    problem = only(work("it", each={"as": "x"}))
    assert (problem.code, problem.step) == ("INVALID_EACH", "it")
    assert "each.items" in problem.message


@pytest.mark.parametrize(
    "items",
    [None, [], [1, "${state.n}"], {"a": ["${state.n}"]}, 3, "state.list", "${state.list}", "$${"],
)
def test_items_are_a_value_an_expression_or_a_template(items: object) -> None:
    assert codes(each(items=items)) == []


@pytest.mark.parametrize(
    ("items", "code", "place"),
    [
        ("state.list[", "INVALID_EXPRESSION", "each.items:"),
        ("", "INVALID_EXPRESSION", "each.items:"),
        ("${state.list[}", "INVALID_TEMPLATE", "each.items:"),
        ([{"a": ["${"]}], "INVALID_TEMPLATE", "each.items[0].a[0]:"),
    ],
)
def test_items_compile(items: object, code: str, place: str) -> None:
    problem = only(each(items=items))
    assert (problem.code, problem.step) == (code, "it")
    assert place in problem.message


@pytest.mark.parametrize(
    "name", ["2nd item", "a.b", "a-b", " a", "a\n", "größe", "true", "false", "null", "in"]
)
def test_the_item_variable_is_an_identifier(name: str) -> None:
    """An expression must be able to say `state.<name>`."""
    assert codes(each(**{"as": name})) == [("INVALID_EACH", "it")]


@pytest.mark.parametrize("name", ["", "a", "_", "Item2", "package", "inside"])
def test_the_item_variable_may_be_any_identifier(name: str) -> None:
    assert codes(each(**{"as": name})) == []
    assert codes(each(**{"as": name}) | {"parameters": {"p": f"${{state.{name or 'x'}}}"}}) == []


@pytest.mark.parametrize(("most", "sound"), [(-1, False), (0, True), (7, True)])
def test_the_items_at_once_are_not_negative(most: int, *, sound: bool) -> None:
    assert codes(each(max_concurrency=most)) == ([] if sound else [("INVALID_EACH", "it")])


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"max_retries": -1}, "max_retries"),
        ({"base_delay": -1}, "base_delay"),
        ({"max_delay": -1}, "max_delay"),
        ({"base_delay": 5 * SECOND, "max_delay": SECOND}, "base_delay 5s is above max_delay 1s"),
        ({"base_delay": 1, "max_delay": 0}, "max_delay"),
        ({"backoff_rate": -2.0}, "backoff_rate"),
        ({"backoff_rate": float("nan")}, "backoff_rate"),
        ({"backoff_rate": float("inf")}, "backoff_rate"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -SECOND}, "timeout"),
    ],
)
def test_a_retry_policy_has_possible_numbers(policy: dict[str, Any], field: str) -> None:
    problem = only(work("it", retry=[{}, policy]))
    assert (problem.code, problem.step) == ("INVALID_RETRY", "it")
    assert problem.message.startswith("retry[1]: ")
    assert field in problem.message


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"max_retries": 0, "base_delay": 0, "max_delay": 0, "backoff_rate": 0.0},
        {"base_delay": SECOND, "max_delay": SECOND, "timeout": 1},
        {"max_delay": SECOND // 2},
        {"error_equals": ["all"], "jitter_strategy": "FULL"},
    ],
)
def test_sound_retry_policies(policy: dict[str, Any]) -> None:
    assert codes(work("it", retry=[policy])) == []


def test_a_policy_is_told_once_with_all_that_is_wrong() -> None:
    worst = {"max_retries": -1, "base_delay": -1, "max_delay": -2, "backoff_rate": -1.0}
    assert codes(work("it", retry=[worst, worst])) == [("INVALID_RETRY", "it")] * 2
    message = only(work("it", retry=[worst])).message
    assert all(field in message for field in worst)


@pytest.mark.parametrize(
    ("handler", "missing"),
    [
        ({}, "no error_equals and no next"),
        ({"next": "nowhere", "store": "state.x"}, "no error_equals"),
        ({"error_equals": ["all"], "store": "state.x"}, "no next"),
    ],
)
def test_an_incomplete_catch_is_told_as_that_alone(handler: dict[str, Any], missing: str) -> None:
    problem = only(work("it", catch=[handler]))
    assert (problem.code, problem.step) == ("INVALID_CATCH", "it")
    assert missing in problem.message


def test_a_catch_leads_to_a_step_and_stores_under_a_bare_name() -> None:
    handler = {"error_equals": ["all"], "next": "garden", "store": "state.why"}
    assert codes(work("it", catch=[handler])) == [
        ("UNKNOWN_CATCH_TARGET", "it"),
        ("INVALID_STORE_PATH", "it"),
    ]
    assert '"garden"' in only(work("it", catch=[{**handler, "store": ""}])).message


def test_a_sound_catch_is_silent() -> None:
    handler = {"error_equals": ["timeout"], "next": "end", "store": "why"}
    assert codes(work("it", catch=[handler]), work("end")) == []
