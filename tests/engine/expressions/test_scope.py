"""Variables and fields: what is there, what is missing, and what is read lazily (3.1, 3.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from branchline.engine.expressions import (
    ExpressionError,
    InvalidExpression,
    compile_condition,
    compile_expression,
    compile_template,
)


class Lazy(Mapping[str, object]):
    """A view that decodes a value when it is read."""

    def __init__(self, entries: dict[str, object]) -> None:
        self.entries = entries
        self.read: list[str] = []

    def __getitem__(self, key: str) -> object:
        value = self.entries[key]
        self.read.append(key)
        if value == "broken":
            raise ValueError("malformed JSON")
        return value

    def __contains__(self, key: object) -> bool:
        return key in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def value(text: str, /, **scope: object) -> object:
    return compile_expression(text).evaluate(scope)


STATE = {"pay": {"base": 100, "none": None}, "list": [{"a": 1}], "k 1": True, "text": "abc"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("state.pay.base", 100),
        ("state['pay']['base']", 100),
        ("state.pay", {"base": 100, "none": None}),
        ("state['k 1']", True),
        ("state.`k 1`", True),
        ("state.list[0].a", 1),
        ("(state.list[0]).a", 1),
        (".state.pay.base", 100),
        ("[state].map(state, state.pay.base)", [100]),
        ("[7].map(state, .state.pay.base + state)", [107]),
        ("has(state.pay.base)", True),
        ("has(state.pay.extra)", False),
        ("has(state.pay.none)", True),
        ("has(state.bonus) ? state.bonus : 0", 0),
        ("has(state.list[0].a)", True),
        ("'pay' in state", True),
        ("1 in state", False),
    ],
)
def test_what_is_there(text: str, expected: object) -> None:
    assert value(text, state=STATE) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("stat.pay", "no variable 'stat'; known: inputs, state"),
        ("stat", "no variable 'stat'"),
        ("state.pay.extra", "state.pay has no key 'extra'"),
        ("state.extra.more", "state has no key 'extra'"),
        ("state['extra']", "no key 'extra'"),
        ("state.list[1]", "index 1 is outside of a list of 1"),
        ("state.list[-1]", "index -1 is outside"),
        ("state.list[0.5]", "is an integer, not 0.5"),
        ("state.list['a']", "is an integer, not string"),
        ("state.list.a", "state.list is list and has no field 'a'"),
        ("state.text.size", "state.text is string and has no field 'size'"),
        ("state.pay.none.x", "state.pay.none is null and has no field 'x'"),
        ("state.text[0]", "string has no elements"),
        ("state[null]", "the key of an object is a string, not null"),
        ("state[1]", "no key 1"),
        ("state.list[0].b", "no key 'b'"),
        ("has(state.extra.more)", "state has no key 'extra'"),
        ("has(state.text.more)", "string has no field 'more'"),
        ("1 in state.text", "integer in string"),
        ("state.list.map(x, x.b)", "no key 'b'"),
    ],
)
def test_what_is_missing_is_an_error_that_names_it(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(text, state=STATE, inputs={})
    assert reason in caught.value.message
    assert caught.value.text == text
    assert text in str(caught.value)


def test_an_empty_scope_is_told() -> None:
    with pytest.raises(ExpressionError, match="known: none"):
        value("x")


def test_a_name_with_dots_is_found_by_its_longest_form() -> None:
    scope = {"a.b.c": 1, "a.b": {"c": 2, "d": {"e": 3}}}
    assert value("a.b.c", **scope) == 1
    assert value("a.b.d.e", **scope) == 3
    with pytest.raises(ExpressionError, match="no variable 'a'"):
        value("a.x", **scope)


@pytest.mark.parametrize("text", ["has(state)", "has(state['x'])", "has(1)", "has(f(x))"])
def test_has_takes_a_field(text: str) -> None:
    with pytest.raises(InvalidExpression, match="has takes a field"):
        compile_expression(text)


def test_only_what_is_looked_at_is_read() -> None:
    state = Lazy({"a": {"b": 1}, "bad": "broken"})
    assert value("state.a.b + 1", state=state) == 2
    assert value("has(state.bad)", state=state) is True
    assert value("size(state)", state=state) == 2
    assert value("state.map(k, k)", state=state) == ["a", "bad"]
    assert compile_condition("state").holds({"state": state})
    assert state.read == ["a"]


@pytest.mark.parametrize(
    "text",
    ["state.bad", "state['bad']", "state", "[state]", "state.exists(k, v, v == 1)",
     "state == state", "state.bad.x", "string(state.bad)"],
)  # fmt: skip
def test_a_value_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError, match="malformed JSON"):
        value(text, state=Lazy({"bad": "broken"}))


class WithoutContains(Lazy):
    """A view that finds out by reading whether a key is there."""

    __contains__ = Mapping.__contains__


def test_a_value_that_cannot_be_read_is_there() -> None:
    state = WithoutContains({"bad": "broken"})
    assert value("has(state.bad) && !has(state.good)", state=state) is True


def test_an_unreadable_variable_is_an_error() -> None:
    scope = Lazy({"bad": "broken"})
    with pytest.raises(ExpressionError, match="malformed JSON"):
        compile_expression("bad").evaluate(scope)
    assert compile_expression("bad.x || true").evaluate(scope) is True


def test_a_view_in_a_result_becomes_an_object() -> None:
    state = Lazy({"a": Lazy({"b": [1]})})
    for text in ("state", "[state][0]", "{'x': state}.x"):
        result = value(text, state=state)
        assert result == {"a": {"b": [1]}}
        assert type(result) is dict
        assert type(result["a"]) is dict
    assert compile_template("${state} ${state.a}").render({"state": state}) == (
        '{"a":{"b":[1]}} {"b":[1]}'
    )


def test_views_are_equal_to_objects() -> None:
    assert value("state == {'a': 1}", state=Lazy({"a": 1})) is True
    assert value("state == {'b': 1}", state=Lazy({"a": 1})) is False
    assert value("state == {}", state=Lazy({"a": 1})) is False
