"""Functions from one type to another."""

import math
import re
from decimal import Decimal
from typing import Final

from ._calls import Functions, pure, refused
from ._errors import ExpressionError, shown
from ._times import SECOND, Duration, Timestamp, parse_duration, parse_timestamp
from ._values import INT_MAX, INT_MIN, Value, check_integer, type_of

_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
_FRACTION = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|(?i:inf|infinity|nan))"
)
_PLAIN_EXPONENTS: Final = range(-4, 6)
_LONGEST_NUMBER: Final = 1_000
_TRUE: Final = frozenset({"true", "True", "TRUE", "t", "1"})
_FALSE: Final = frozenset({"false", "False", "FALSE", "f", "0"})


def _bool(value: Value) -> bool:
    if type(value) is bool:
        return value
    if type(value) is not str:
        raise refused("bool", value)
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    raise _not_a("a boolean", value)


def _int(value: Value) -> int:
    if type(value) is int:
        return check_integer(value)
    if type(value) is float:
        # CEL leaves both ends out: a fraction can't tell them from their neighbours.
        if INT_MIN < value < INT_MAX:
            return int(value)
        raise ExpressionError(f"{value!r} is beyond 64 bits")
    if type(value) is str:
        if _INTEGER.fullmatch(value) is None:
            raise _not_a("an integer", value)
        return check_integer(int(value))
    if type(value) is Timestamp:
        return value.nanos // SECOND
    raise refused("int", value)


def _double(value: Value) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(check_integer(value))
    if type(value) is not str:
        raise refused("double", value)
    if len(value) > _LONGEST_NUMBER or _FRACTION.fullmatch(value) is None:
        raise _not_a("a number", value)
    return float(value)


def _string(value: Value) -> str:
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(check_integer(value))
    if type(value) is float:
        return _shortest(value)
    if type(value) in {Timestamp, Duration}:
        return str(value)
    raise refused("string", value)


def _shortest(value: float) -> str:
    """Write a fraction as CEL does: shortest, from a million on with an exponent."""
    if not math.isfinite(value):
        return non_finite(value)
    digits = Decimal(repr(value)).normalize()
    exponent = digits.adjusted()
    if not value or exponent in _PLAIN_EXPONENTS:
        return decimal(value)
    return f"{value:.{len(digits.as_tuple().digits) - 1}e}"


def non_finite(value: float) -> str:
    """Write what is no finite number."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def decimal(value: float) -> str:
    """Write a finite fraction without an exponent and without digits that say nothing."""
    return f"{Decimal(repr(value)).normalize():f}"


def _timestamp(value: Value) -> Timestamp:
    if type(value) is Timestamp:
        return value
    if type(value) is int:
        return Timestamp(check_integer(value) * SECOND)
    if type(value) is str:
        return parse_timestamp(value)
    raise refused("timestamp", value)


def _duration(value: Value) -> Duration:
    if type(value) is Duration:
        return value
    if type(value) is str:
        return parse_duration(value)
    raise refused("duration", value)


def _dyn(value: Value) -> Value:
    return value


def _not_a(expected: str, text: str) -> ExpressionError:
    return ExpressionError(f"{shown(text)} is not {expected}")


FUNCTIONS: Functions = {
    "bool": pure(_bool, 1),
    "int": pure(_int, 1),
    "double": pure(_double, 1),
    "string": pure(_string, 1),
    "timestamp": pure(_timestamp, 1),
    "duration": pure(_duration, 1),
    "dyn": pure(_dyn, 1),
    "type": pure(type_of, 1),
}
