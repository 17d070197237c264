"""What leaves an expression: JSON values, and JSON text (semantics 3.2, 3.3)."""

import json
import math
from collections.abc import Mapping
from typing import cast

from ._errors import ExpressionError, LimitReached, shown
from ._limits import MAX_DOCUMENT_NESTING, MAX_RESULT_SIZE
from ._times import Duration, Timestamp
from ._values import Json, TypeValue, Value, is_map, kind


class Results:
    """Turns values into JSON; all results of one template share its bound."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        """Start with nothing written."""
        self._left = MAX_RESULT_SIZE

    def json(self, value: Value, depth: int = 0) -> Json:
        """Give the JSON value; parts that are JSON already are shared, not copied."""
        if type(value) is str:
            self._spend(len(value) + 2)
            return value
        if value is None or type(value) in {bool, int, float}:
            self._spend(4 + (value.bit_length() // 3 if type(value) is int else 0))
            return _finite(value) if type(value) is float else cast("int | None", value)
        if depth > MAX_DOCUMENT_NESTING:
            raise ExpressionError(f"the result is nested deeper than {MAX_DOCUMENT_NESTING} levels")
        if type(value) is list:
            return self._list(value, depth)
        if is_map(value):
            return self._object(value, depth)
        return self.json(_text_of(value))

    def text(self, value: Value) -> str:
        """Give the text that stands for a value within a text (semantics 3.3)."""
        if type(value) is str:
            self._spend(len(value))
            return value
        if value is None:
            return ""
        result = self.json(value)
        if type(result) is str:
            return result
        return json.dumps(
            result, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
        )

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise LimitReached(f"the result is larger than {MAX_RESULT_SIZE:,} characters")

    def _list(self, value: list[Value], depth: int) -> Json:
        self._spend(2)
        result: list[Json] = []
        same = True
        for old in value:
            new = self.json(old, depth + 1)
            result.append(new)
            same = same and new is old
        return cast("list[Json]", value) if same else result

    def _object(self, value: Mapping[Value, Value], depth: int) -> Json:
        self._spend(2)
        result: dict[str, Json] = {}
        same = type(value) is dict
        for key in value:
            if type(key) is not str:
                raise ExpressionError(
                    f"a key of a result is a string, not {kind(key)} ({shown(key)})"
                )
            self._spend(len(key) + 4)
            old = value[key]
            new = result[key] = self.json(old, depth + 1)
            same = same and new is old
        return cast("dict[str, Json]", value) if same else result


def _finite(value: float) -> float:
    if math.isfinite(value):
        return value
    raise ExpressionError(f"the result {value} can't be written as JSON")


def _text_of(value: Value) -> str:
    if type(value) in {Timestamp, Duration, TypeValue}:
        return str(value)
    raise ExpressionError(f"{kind(value)} can't be a result; take its value with orValue")
