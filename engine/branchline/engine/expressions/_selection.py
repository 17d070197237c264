"""Names and fields: how `state.order.total` finds its value (semantics 3.5)."""

from collections.abc import Mapping
from typing import Final

from ._errors import ExpressionError
from ._frame import Evaluator, Frame
from ._operators import find, get
from ._values import ABSENT, TYPE_VALUES, Optional, Value, is_map, kind

_MOST_DOTTED: Final = 10
"""Parts of a variable's name with dots in it."""


def variable(name: str, fields: tuple[str, ...]) -> Evaluator:
    """Compile a variable of the scope with the fields behind it."""

    def plain(frame: Frame) -> Value:
        try:
            return frame.scope[name]
        except (KeyError, ValueError):
            return _resolve(frame.scope, (name,))

    def selected(frame: Frame) -> Value:
        try:
            value: Value = frame.scope[name]
            for field in fields:
                value = value[field]  # type: ignore[index]  # what has no fields is told below
        except (KeyError, TypeError, ValueError):
            return _resolve(frame.scope, (name, *fields))
        return value

    return selected if fields else plain


def _resolve(scope: Mapping[str, Value], names: tuple[str, ...]) -> Value:
    """Find a value step by step, to say what is missing, or to find a name with dots.

    CEL prefers the longest name, so `a.b` may be one variable or a field of `a`.
    """
    first = names[0]
    found = find(scope, first)
    if found.present:
        return select(found.value, names[1:], first)
    for count in range(min(len(names), _MOST_DOTTED), 1, -1):
        dotted = ".".join(names[:count])
        if dotted in scope:
            return select(scope[dotted], names[count:], dotted)
    type_value = TYPE_VALUES.get(".".join(names))
    if type_value is not None:
        return type_value
    known = ", ".join(sorted(scope)) or "none"
    raise ExpressionError(f"there is no variable {first!r}; known: {known}")


def select(value: Value, fields: tuple[str, ...], path: str) -> Value:
    """Follow fields; `path` is how the value is called in an error message."""
    for position, field in enumerate(fields):
        if type(value) is Optional:
            return _select_optional(value, fields[position:], path)
        if not is_map(value):
            way = ".".join((path, *fields[:position]))
            raise ExpressionError(f"{way} is {kind(value)} and has no field {field!r}")
        found = find(value, field)
        if not found.present:
            raise ExpressionError(f"{'.'.join((path, *fields[:position]))} has no key {field!r}")
        value = found.value
    return value


def _select_optional(value: Optional, fields: tuple[str, ...], path: str) -> Optional:
    """Follow fields of a value that may be absent: a missing field is absent too."""
    for field in fields:
        if not value.present:
            return ABSENT
        if not is_map(value.value):
            raise ExpressionError(f"{path} is {kind(value.value)} and has no field {field!r}")
        value = find(value.value, field)
    return value


def field_of(base: Evaluator, fields: tuple[str, ...]) -> Evaluator:
    """Compile fields of any value."""

    def run(frame: Frame) -> Value:
        return select(base(frame), fields, "the value")

    return run


def presence(base: Evaluator, field: str) -> Evaluator:
    """Compile `has(base.field)`."""

    def run(frame: Frame) -> bool:
        value = base(frame)
        if type(value) is Optional:
            if not value.present:
                return False
            value = value.value
        if not is_map(value):
            raise ExpressionError(f"has: {kind(value)} has no field {field!r}")
        try:
            return field in value
        except ValueError:  # it is there, though it can't be read
            return True

    return run


def lenient_index(base: Evaluator, key: Evaluator) -> Evaluator:
    """Compile `base[?key]` and `base.?key`: what is not there is absent, and no error."""

    def run(frame: Frame) -> Optional:
        return _find_in_optional(base(frame), key, frame)

    return run


def index(base: Evaluator, key: Evaluator) -> Evaluator:
    """Compile `base[key]`; of an optional, what is not there is absent."""

    def run(frame: Frame) -> Value:
        value = base(frame)
        if type(value) is Optional:
            return _find_in_optional(value, key, frame)
        return get(value, key(frame))

    return run


def _find_in_optional(value: Value, key: Evaluator, frame: Frame) -> Optional:
    if type(value) is not Optional:
        return find(value, key(frame))
    return find(value.value, key(frame)) if value.present else ABSENT
