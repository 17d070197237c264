"""`format`: values written into a text by a pattern such as `%s: %.2f`."""

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Final

from ._calls import Function, Functions, refused, take
from ._conversions import decimal, non_finite
from ._errors import ExpressionError
from ._frame import Budget
from ._limits import MAX_PRECISION
from ._operators import is_number
from ._times import Duration, Timestamp
from ._values import TypeValue, Value, is_map

_CLAUSE = re.compile(r"%(?:%|(?:\.([0-9]+))?([sdfexXob])|([\s\S]|$))")
_DEFAULT_PRECISION: Final = 6
_NON_FINITE: Final = frozenset({"NaN", "Infinity", "-Infinity"})
"""How JSON carries what it has no number for; `%f` and `%e` take it."""


def _format(budget: Budget, pattern: Value, arguments: Value) -> str:
    text = take(pattern, str, "format")
    left = iter(take(arguments, list, "format"))
    budget.spend_text(len(text))

    def write(match: re.Match[str]) -> str:
        precision, letter, unknown = match.groups()
        if unknown is not None:
            raise ExpressionError(f"format: {match[0]!r} is no clause")
        if letter is None:
            return "%"
        try:
            value = next(left)
        except StopIteration:
            raise ExpressionError("format: there are fewer values than clauses") from None
        budget.spend(1)
        return _write(budget, letter, value, precision)

    return _CLAUSE.sub(write, text)


def _write(budget: Budget, letter: str, value: Value, precision: str | None) -> str:
    if letter in "fe":
        text = _write_fraction(letter, value, precision)
    else:
        text = _WRITERS[letter](budget, value)
    budget.spend_text(len(text))
    return text


def _write_fraction(letter: str, value: Value, precision: str | None) -> str:
    digits = _DEFAULT_PRECISION if precision is None else int(precision[:9])
    if digits > MAX_PRECISION:
        raise ExpressionError(f"format: at most {MAX_PRECISION} digits are written")
    if type(value) is str and value in _NON_FINITE:
        return value
    if not is_number(value):
        raise refused(f"format %{letter}", value)
    if not math.isfinite(value):
        return non_finite(value)
    return f"{float(value):.{digits}{letter}}"


def _write_text(budget: Budget, value: Value) -> str:
    budget.spend(1)
    if type(value) is str:
        return value
    if type(value) is bool or value is None:
        return json.dumps(value)
    if type(value) in {Timestamp, Duration, TypeValue}:
        return str(value)
    if type(value) is list:
        return f"[{', '.join(_written(budget, element) for element in value)}]"
    if is_map(value):
        return _write_map(budget, value)
    return _write_number(budget, value)


def _written(budget: Budget, value: Value) -> str:
    text = _write_text(budget, value)
    budget.spend_text(len(text))
    return text


def _write_map(budget: Budget, value: Mapping[Value, Value]) -> str:
    entries = sorted((_written(budget, key), _written(budget, value[key])) for key in value)
    return "{" + ", ".join(f"{key}: {written}" for key, written in entries) + "}"


def _write_number(_: Budget, value: Value) -> str:
    if not is_number(value):
        raise refused("format", value)
    if type(value) is int:
        return str(value)
    return decimal(value) if math.isfinite(value) else non_finite(value)


def _write_hex(budget: Budget, value: Value) -> str:
    if type(value) is str:
        budget.spend_text(2 * len(value))
        return value.encode().hex()
    return _write_based("x", value)


def _write_upper_hex(budget: Budget, value: Value) -> str:
    return _write_hex(budget, value).upper()


def _write_octal(_: Budget, value: Value) -> str:
    return _write_based("o", value)


def _write_binary(_: Budget, value: Value) -> str:
    return _write_based("b", int(value) if type(value) is bool else value)


def _write_based(letter: str, value: Value) -> str:
    if type(value) is int and is_number(value):
        return f"{value:{letter}}"
    raise refused(f"format %{letter}", value)


_WRITERS: Final[Mapping[str, Callable[[Budget, Value], str]]] = {
    "s": _write_text,
    "d": _write_number,
    "x": _write_hex,
    "X": _write_upper_hex,
    "o": _write_octal,
    "b": _write_binary,
}

METHODS: Functions = {"format": Function(_format, 2, 2)}
