"""The published conformance cases of CEL that fit JSON, played one by one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from branchline.engine.expressions import ExpressionError, InvalidExpression, compile_expression

_CASES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("cel_cases.json").read_text(encoding="utf-8")
)


def _same(actual: object, expected: object) -> bool:
    """Tell whether two JSON values are the same, where 1 is not 1.0 and 0.0 is not -0.0."""
    if type(actual) is not type(expected):
        return False
    if isinstance(actual, list) and isinstance(expected, list):
        return len(actual) == len(expected) and all(map(_same, actual, expected))
    if isinstance(actual, dict) and isinstance(expected, dict):
        return actual.keys() == expected.keys() and all(
            _same(actual[key], expected[key]) for key in actual
        )
    if isinstance(actual, float) and isinstance(expected, float):
        return actual == expected and math.copysign(1, actual) == math.copysign(1, expected)
    return actual == expected


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(c, id=f"{c['file']}-{c['section']}-{c['name']}-{i}")
        for i, c in enumerate(_CASES)
    ],
)
def test_case(case: dict[str, Any]) -> None:
    """The value of the case, or an error where the case has one."""
    if case.get("error"):
        with pytest.raises((InvalidExpression, ExpressionError)):
            compile_expression(case["expr"]).evaluate(case["variables"])
    else:
        actual = compile_expression(case["expr"]).evaluate(case["variables"])
        assert _same(actual, case["value"]), actual
