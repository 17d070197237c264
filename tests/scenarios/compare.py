"""Compares JSON values strictly, and shows them."""

from __future__ import annotations

import json
from typing import Any

_LONGEST = 2_000


def same(one: Any, other: Any) -> bool:  # noqa: ANN401  # any JSON value
    """Whether two JSON values are the same, types included: 3, 3.0 and true are three values."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def same_in_any_order(some: list[Any], others: list[Any]) -> bool:
    """Whether two lists hold the same values, each as often."""
    rest = list(others)
    for value in some:
        match = next((index for index, other in enumerate(rest) if same(value, other)), None)
        if match is None:
            return False
        del rest[match]
    return not rest


def show(value: Any) -> str:  # noqa: ANN401  # any JSON value
    """A JSON value for people, cut when it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def differs(what: str, expected: Any, got: Any) -> str:  # noqa: ANN401  # any JSON value
    """The sentence about a difference."""
    return f"{what}: expected {show(expected)}, got {show(got)}"
