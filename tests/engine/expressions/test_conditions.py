"""Conditions: what counts as true (semantics 3.4)."""

from __future__ import annotations

import math

import pytest

from branchline.engine.expressions import (
    ExpressionError,
    InvalidExpression,
    compile_condition,
    truth,
)

TRUTH = [
    (True, True),
    (False, False),
    (1, True),
    (-1, True),
    (0, False),
    (0.5, True),
    (0.0, False),
    (-0.0, False),
    (2**70, True),
    ("hello", True),
    ("", False),
    ("FaLsE", False),
    ("false", False),
    (" false", True),
    ("0", True),
    ([0], True),
    ([], False),
    ({"a": None}, True),
    ({}, False),
    (None, False),
]


@pytest.mark.parametrize(("value", "expected"), TRUTH)
def test_what_counts_as_true(value: object, *, expected: bool) -> None:
    assert truth(value) is expected
    assert compile_condition("x").holds({"x": value}) is expected
    assert compile_condition("state.x").holds({"state": {"x": value}}) is expected


@pytest.mark.parametrize("text", ["true", "True", "TRUE", " tRuE\n"])
def test_true_in_any_case(text: str) -> None:
    assert compile_condition(text).holds({}) is True


@pytest.mark.parametrize("text", ["false", "False", "FALSE", " fAlSe\n"])
def test_false_in_any_case(text: str) -> None:
    assert compile_condition(text).holds({"False": True}) is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("state.n <= inputs.max && state.kind == 'small'", True),
        ("timestamp(0)", True),
        ("duration('0')", True),
        ("{1: 2}", True),
        ("state.kind.matches('^s')", True),
        ("optional.none().orValue(false)", False),
    ],
)
def test_any_value_of_an_expression_is_judged(text: str, *, expected: bool) -> None:
    scope = {"state": {"n": 1, "kind": "small"}, "inputs": {"max": 1}}
    assert compile_condition(text).holds(scope) is expected


@pytest.mark.parametrize("text", ["${state.x}", "", "  ", "state.x ==", "truE false"])
def test_what_is_no_expression_does_not_compile(text: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        compile_condition(text)
    assert caught.value.text == text


def test_an_error_is_not_false() -> None:
    with pytest.raises(ExpressionError, match="no key 'x'"):
        compile_condition("state.x").holds({"state": {}})
    with pytest.raises(ExpressionError):
        compile_condition("optional.none()").holds({})
    with pytest.raises(ExpressionError):
        compile_condition("x").holds({"x": math.inf})
