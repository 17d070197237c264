"""What goes on with an optional: its other value, and what is computed from its value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ._calls import refused, take
from ._frame import Evaluator, Frame
from ._values import Optional, Value


def _or(base: Evaluator, other: Evaluator, _: tuple[int, ...]) -> Evaluator:
    def run(frame: Frame) -> Value:
        first = take(base(frame), Optional, "or")
        return first if first.present else take(other(frame), Optional, "or")

    return run


def _or_value(base: Evaluator, other: Evaluator, _: tuple[int, ...]) -> Evaluator:
    def run(frame: Frame) -> Value:
        first = take(base(frame), Optional, "orValue")
        return first.value if first.present else other(frame)

    return run


def _map(base: Evaluator, body: Evaluator, slots: tuple[int, ...]) -> Evaluator:
    def run(frame: Frame) -> Value:
        first = take(base(frame), Optional, "optMap")
        if not first.present:
            return first
        frame.locals[slots[0]] = first.value
        return Optional(body(frame))

    return run


def _flat_map(base: Evaluator, body: Evaluator, slots: tuple[int, ...]) -> Evaluator:
    mapped = _map(base, body, slots)

    def run(frame: Frame) -> Value:
        result = take(mapped(frame), Optional, "optFlatMap")
        if not result.present:
            return result
        if type(result.value) is not Optional:
            raise refused("optFlatMap", result.value)
        return result.value

    return run


@dataclass(frozen=True, slots=True)
class OptionalMacro:
    """A macro behind an optional: how many variables it names and arguments it takes."""

    make: Callable[[Evaluator, Evaluator, tuple[int, ...]], Evaluator]
    variables: int
    arguments: int


OPTIONAL_MACROS: Final = {
    "or": OptionalMacro(_or, 0, 1),
    "orValue": OptionalMacro(_or_value, 0, 1),
    "optMap": OptionalMacro(_map, 1, 2),
    "optFlatMap": OptionalMacro(_flat_map, 1, 2),
}
