"""What the operators do with two values (semantics 3.2)."""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, TypeGuard

from ._errors import ExpressionError, shown
from ._frame import Budget
from ._times import Duration, Timestamp
from ._values import (
    ABSENT,
    INT_MAX,
    INT_MIN,
    MixedMap,
    Optional,
    Value,
    check_integer,
    is_map,
    kind,
    whole_number,
)

Operator: TypeAlias = Callable[[Budget, Value, Value], Value]

_NUMBERS: Final = (int, float)
_ORDERED: Final = (str, bool, Timestamp, Duration)


def is_number(value: Value) -> TypeGuard[int | float]:
    """Tell whether a value is a number that can be computed with; a boolean is none."""
    if type(value) is int:
        check_integer(value)
        return True
    return type(value) is float


def _refused(sign: str, left: Value, right: Value) -> ExpressionError:
    return ExpressionError(f"{kind(left)} {sign} {kind(right)} is not possible")


def _in_range(result: int) -> int:
    if INT_MIN <= result <= INT_MAX:
        return result
    raise ExpressionError("integer overflow")


def add(budget: Budget, left: Value, right: Value) -> Value:
    """Add numbers, join texts or lists, move a time."""
    if is_number(left) and is_number(right):
        result = left + right
        return _in_range(result) if type(result) is int else result
    if type(left) is str and type(right) is str:
        budget.spend_text(len(left) + len(right))
        return left + right
    if type(left) is list and type(right) is list:
        budget.spend_elements(len(left) + len(right))
        return left + right
    if type(left) is Timestamp and type(right) is Duration:
        return Timestamp(left.nanos + right.nanos)
    if type(left) is Duration and type(right) is Timestamp:
        return Timestamp(left.nanos + right.nanos)
    if type(left) is Duration and type(right) is Duration:
        return Duration(left.nanos + right.nanos)
    raise _refused("+", left, right)


def subtract(_: Budget, left: Value, right: Value) -> Value:
    """Subtract numbers and times."""
    if is_number(left) and is_number(right):
        result = left - right
        return _in_range(result) if type(result) is int else result
    if type(left) is Timestamp and type(right) is Timestamp:
        return Duration(left.nanos - right.nanos)
    if type(left) is Timestamp and type(right) is Duration:
        return Timestamp(left.nanos - right.nanos)
    if type(left) is Duration and type(right) is Duration:
        return Duration(left.nanos - right.nanos)
    raise _refused("-", left, right)


def multiply(_: Budget, left: Value, right: Value) -> Value:
    """Multiply numbers."""
    if is_number(left) and is_number(right):
        result = left * right
        return _in_range(result) if type(result) is int else result
    raise _refused("*", left, right)


def divide(_: Budget, left: Value, right: Value) -> Value:
    """Divide numbers: integers toward zero, fractions as IEEE 754 does."""
    if not (is_number(left) and is_number(right)):
        raise _refused("/", left, right)
    if type(left) is int and type(right) is int:
        if right == 0:
            raise ExpressionError("division by zero")
        quotient = abs(left) // abs(right)
        return _in_range(quotient if (left < 0) == (right < 0) else -quotient)
    return left / right if right else _divide_by_zero(float(left), float(right))


def _divide_by_zero(left: float, right: float) -> float:
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def modulo(budget: Budget, left: Value, right: Value) -> Value:
    """Give the rest of a division of whole numbers; it has the sign of the first one.

    A fraction that is a whole number, such as 7.0, is taken too and gives a fraction.
    """
    if not (is_number(left) and is_number(right)):
        raise _refused("%", left, right)
    if right == 0:
        raise ExpressionError("modulo by zero")
    if type(left) is int and type(right) is int:
        divide(budget, left, right)  # overflows where the division does, as in CEL
        rest = abs(left) % abs(right)
        return -rest if left < 0 else rest
    if float(left).is_integer() and float(right).is_integer():
        return math.fmod(left, right)
    raise ExpressionError("% takes whole numbers only")


def negate(value: Value) -> Value:
    """Change the sign of a number."""
    if is_number(value):
        return _in_range(-value) if type(value) is int else -value
    raise ExpressionError(f"-{kind(value)} is not possible")


def _comparison(sign: str, compare: Callable[[object, object], bool]) -> Operator:
    def ordered(budget: Budget, left: Value, right: Value) -> bool:
        if is_number(left) and is_number(right):
            return compare(left, right)
        if type(left) is type(right) and type(left) in _ORDERED:
            if type(left) is str and type(right) is str:
                budget.spend_text(min(len(left), len(right)))
            return compare(left, right)
        raise _refused(sign, left, right)

    return ordered


def equal(budget: Budget, left: Value, right: Value) -> bool:
    """Tell whether two values are the same; values of different kinds are not.

    Numbers are compared by their value (1 == 1.0), lists and objects by what is in them.
    """
    if is_number(left):
        return is_number(right) and left == right
    if type(left) is str:
        budget.spend_text(len(left))
        return type(right) is str and left == right
    if type(left) is list:
        return type(right) is list and _equal_lists(budget, left, right)
    if is_map(left):
        return is_map(right) and _equal_maps(budget, left, right)
    if type(left) is Optional and type(right) is Optional and left.present and right.present:
        return equal(budget, left.value, right.value)
    return type(left) is type(right) and left == right


def _equal_lists(budget: Budget, left: list[Value], right: list[Value]) -> bool:
    if len(left) != len(right):
        return False
    budget.spend(len(left))
    return all(equal(budget, a, b) for a, b in zip(left, right, strict=True))


def _equal_maps(budget: Budget, left: Mapping[Value, Value], right: Mapping[Value, Value]) -> bool:
    if len(left) != len(right):
        return False
    budget.spend(len(left))
    for key in left:
        other = find(right, key)
        if not (other.present and equal(budget, get(left, key), other.value)):
            return False
    return True


def _unequal(budget: Budget, left: Value, right: Value) -> bool:
    return not equal(budget, left, right)


def contains(budget: Budget, value: Value, container: Value) -> bool:
    """Tell whether a list has an element, or an object a key."""
    if type(container) is list:
        budget.spend(len(container) // 2)
        return any(equal(budget, value, element) for element in container)
    if is_map(container):
        return find(container, value).present
    raise _refused("in", value, container)


def find(container: Value, key: Value) -> Optional:
    """Look up an element or an entry that may be absent."""
    if is_map(container):
        return _find_entry(container, key)
    if type(container) is list:
        index = whole_number(key)
        if index is None:
            raise ExpressionError(f"the index of a list is an integer, not {_told(key)}")
        return Optional(container[index]) if 0 <= index < len(container) else ABSENT
    raise ExpressionError(f"{kind(container)} has no elements to look up")


def _find_entry(container: Mapping[Value, Value], key: Value) -> Optional:
    if is_number(key) and not isinstance(container, MixedMap):
        return ABSENT
    if type(key) is float:
        key = whole_number(key)
        if key is None:
            return ABSENT
    elif type(key) not in {str, int, bool}:
        raise ExpressionError(f"the key of an object is a string, not {kind(key)}")
    try:
        return Optional(container[key])
    except KeyError:
        return ABSENT
    except ValueError as error:
        raise ExpressionError(f"the value of {shown(key)} can't be read: {error}") from error


def get(container: Value, key: Value) -> Value:
    """Look up an element or an entry; its absence is an error (semantics 3.5)."""
    found = find(container, key)
    if found.present:
        return found.value
    if type(container) is list:
        raise ExpressionError(f"the index {key} is outside of a list of {len(container)}")
    raise ExpressionError(f"there is no key {shown(key)}")


def _told(value: Value) -> str:
    return repr(value) if type(value) is float else kind(value)


OPERATORS: Final[dict[str, Operator]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": modulo,
    "<": _comparison("<", operator.lt),  # type: ignore[arg-type]  # typed for numbers only
    "<=": _comparison("<=", operator.le),  # type: ignore[arg-type]
    ">": _comparison(">", operator.gt),  # type: ignore[arg-type]
    ">=": _comparison(">=", operator.ge),  # type: ignore[arg-type]
    "==": equal,
    "!=": _unequal,
    "in": contains,
}
