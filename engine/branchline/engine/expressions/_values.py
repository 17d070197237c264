"""The values that expressions work on.

They are plain JSON values, plus five kinds that live inside of an expression only: maps with keys
that are no strings, timestamps, durations, optionals and types.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeGuard

from ._errors import ExpressionError, shown
from ._times import Duration, Timestamp

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A JSON value. An `int` may be of any size, a `float` is finite."""

Value: TypeAlias = object
"""Any value inside of an expression."""

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Optional:
    """A value that may be absent. `present` tells None, the value, from no value."""

    value: Value = None
    present: bool = True

    def get(self) -> Value:
        """Give the value; its absence is an error."""
        if not self.present:
            raise ExpressionError("an optional without a value has been opened")
        return self.value


ABSENT: Final = Optional(None, present=False)


@dataclass(frozen=True, slots=True)
class TypeValue:
    """The type of a value, by its name in the expression language."""

    name: str

    def __str__(self) -> str:
        """Give the name."""
        return self.name


@dataclass(frozen=True, slots=True)
class _BoolKey:
    """A stand-in for a boolean key, which Python takes for the integer 0 or 1."""

    value: bool


class MixedMap(Mapping[Value, Value]):
    """A map with keys of which not all are strings: integers and booleans too."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Mapping[Value, Value] | None = None) -> None:
        """Copy the entries."""
        self._entries: dict[Value, Value] = {}
        for key, value in (entries or {}).items():
            self.set(key, value)

    def set(self, key: Value, value: Value) -> None:
        """Put an entry in; a key that is there already is an error."""
        kept = _BoolKey(key) if isinstance(key, bool) else key
        if kept in self._entries:
            raise duplicate_key(key)
        self._entries[kept] = value

    def __getitem__(self, key: Value) -> Value:
        """Find a value by its key."""
        return self._entries[_BoolKey(key) if isinstance(key, bool) else key]

    def __iter__(self) -> Iterator[Value]:
        """Go over the keys."""
        for key in self._entries:
            yield key.value if isinstance(key, _BoolKey) else key

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._entries)


_NAMES: Final[dict[type, str]] = {
    bool: "boolean",
    int: "integer",
    float: "fraction",
    str: "string",
    list: "list",
    dict: "object",
    type(None): "null",
    Timestamp: "timestamp",
    Duration: "duration",
    Optional: "optional",
    TypeValue: "type",
}

_TYPES: Final[dict[type, TypeValue]] = {
    bool: TypeValue("bool"),
    int: TypeValue("int"),
    float: TypeValue("double"),
    str: TypeValue("string"),
    list: TypeValue("list"),
    type(None): TypeValue("null_type"),
    Timestamp: TypeValue("google.protobuf.Timestamp"),
    Duration: TypeValue("google.protobuf.Duration"),
    Optional: TypeValue("optional_type"),
    TypeValue: TypeValue("type"),
}
_MAP_TYPE: Final = TypeValue("map")

TYPE_VALUES: Final = {kind.name: kind for kind in (*_TYPES.values(), _MAP_TYPE)}
"""The types by the names that an expression has for them."""


def type_of(value: Value) -> TypeValue:
    """Give the type of a value."""
    return _TYPES.get(type(value), _MAP_TYPE)


def kind(value: Value) -> str:
    """Name the kind of a value for an error message."""
    return _NAMES.get(type(value), "object")


def is_map(value: Value) -> TypeGuard[Mapping[Value, Value]]:
    """Tell whether a value is an object, also one that is decoded as it is read."""
    return type(value) is dict or isinstance(value, Mapping)


def check_integer(value: int) -> int:
    """Give the integer back; one beyond 64 bits is an error (semantics 3.2)."""
    if INT_MIN <= value <= INT_MAX:
        return value
    raise ExpressionError("an integer beyond 64 bits can be passed on, but not computed with")


def whole_number(value: Value) -> int | None:
    """Give the integer that a number stands for, None when it is no whole number."""
    if type(value) is int:
        return check_integer(value)
    if type(value) is float and value.is_integer() and INT_MIN < value < INT_MAX:
        return int(value)
    return None


def duplicate_key(key: Value) -> ExpressionError:
    """Say that a key stands twice in an object."""
    return ExpressionError(f"the key {shown(key)} is there twice")


def truth(value: Value) -> bool:
    """Tell whether a value counts as true (semantics 3.4)."""
    if isinstance(value, str):
        return value != "" and value.lower() != "false"
    if isinstance(value, list | Mapping):
        return len(value) > 0
    return bool(value)
