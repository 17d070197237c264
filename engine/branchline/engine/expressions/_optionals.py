"""Functions on optionals, the values that may be absent."""

from ._calls import Function, Functions, pure, take
from ._frame import Budget
from ._operators import find
from ._times import Duration, Timestamp
from ._values import ABSENT, Optional, Value, truth


def _of_non_zero(value: Value) -> Optional:
    if isinstance(value, Timestamp | Duration):
        return Optional(value) if value.nanos else ABSENT
    filled = value != "" if type(value) is str else truth(value)
    return Optional(value) if filled else ABSENT


def _none() -> Optional:
    return ABSENT


def _has_value(value: Value) -> bool:
    return take(value, Optional, "hasValue").present


def _first(value: Value) -> Optional:
    return find(take(value, list, "first"), 0)


def _last(value: Value) -> Optional:
    elements = take(value, list, "last")
    return find(elements, len(elements) - 1)


def _unwrap(budget: Budget, value: Value) -> list[Value]:
    options = take(value, list, "unwrap")
    budget.spend(len(options))
    present = (take(option, Optional, "unwrap") for option in options)
    return [option.value for option in present if option.present]


def _value(value: Value) -> Value:
    return take(value, Optional, "value").get()


FUNCTIONS: Functions = {
    "optional.of": pure(Optional, 1),
    "optional.none": pure(_none, 0),
    "optional.unwrap": Function(_unwrap, 1, 1),
    "optional.ofNonZeroValue": pure(_of_non_zero, 1),
}

METHODS: Functions = {
    "hasValue": pure(_has_value, 1),
    "value": pure(_value, 1),
    "first": pure(_first, 1),
    "last": pure(_last, 1),
    "unwrapOpt": Function(_unwrap, 1, 1),
}
