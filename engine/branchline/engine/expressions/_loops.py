"""Loops over the elements of a list or the keys of an object.

Each round puts the element, or index and element, or key and value, into the frame and uses up the
steps that its body costs, so that no nesting of loops runs for long (semantics 3.6).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from ._errors import ExpressionError
from ._frame import Evaluator, Frame
from ._logic import boolean, settle
from ._operators import get
from ._values import MixedMap, Value, duplicate_key, is_map, kind


@dataclass(frozen=True, slots=True)
class Loop:
    """What is gone over, where its variables are kept, and what a round costs.

    `slots` holds one place (element or key) or two (index or key, then value).
    """

    items: Evaluator
    slots: tuple[int, ...]
    cost: int

    @property
    def double(self) -> bool:
        """Tell whether a round has two variables."""
        return len(self.slots) > 1

    def rounds(self, frame: Frame) -> Iterator[Value]:
        """Go through the rounds; each gives its first variable."""
        items = self.items(frame)
        budget, places, first = frame.budget, frame.locals, self.slots[0]
        for key, value in self._pairs(items):
            budget.spend(self.cost)
            places[first] = key
            if self.double:
                places[self.slots[1]] = value
            yield key

    def _pairs(self, items: Value) -> Iterator[tuple[Value, Value]]:
        double = self.double
        if type(items) is list:
            yield from enumerate(items) if double else ((item, None) for item in items)
        elif is_map(items):
            for key in items:
                yield key, get(items, key) if double else None
        else:
            raise ExpressionError(f"{kind(items)} has no elements to go over")


Maker: TypeAlias = Callable[[Loop, tuple[Evaluator, ...]], Evaluator]


def _junction(sign: str) -> Maker:
    def make(loop: Loop, bodies: tuple[Evaluator, ...]) -> Evaluator:
        (body,) = bodies

        return lambda frame: settle(sign, (body for _ in loop.rounds(frame)), frame)

    return make


def _exactly_one(loop: Loop, bodies: tuple[Evaluator, ...]) -> Evaluator:
    (body,) = bodies

    def run(frame: Frame) -> bool:
        found = sum(boolean(body(frame), "existsOne") for _ in loop.rounds(frame))
        return found == 1

    return run


def _filter(loop: Loop, bodies: tuple[Evaluator, ...]) -> Evaluator:
    (body,) = bodies

    def run(frame: Frame) -> list[Value]:
        return [item for item in loop.rounds(frame) if boolean(body(frame), "filter")]

    return run


def _transform(loop: Loop, bodies: tuple[Evaluator, ...]) -> Evaluator:
    chosen, result = _filter_and_result(bodies)

    def run(frame: Frame) -> list[Value]:
        return [result(frame) for _ in loop.rounds(frame) if chosen(frame)]

    return run


def _transform_map(loop: Loop, bodies: tuple[Evaluator, ...]) -> Evaluator:
    chosen, result = _filter_and_result(bodies)

    def run(frame: Frame) -> Value:
        return make_map((key, result(frame)) for key in loop.rounds(frame) if chosen(frame))

    return run


def _transform_entries(loop: Loop, bodies: tuple[Evaluator, ...]) -> Evaluator:
    chosen, result = _filter_and_result(bodies)

    def entries(frame: Frame) -> Iterator[tuple[Value, Value]]:
        for _ in loop.rounds(frame):
            if chosen(frame):
                entry = result(frame)
                if not is_map(entry):
                    raise ExpressionError(f"transformMapEntry takes objects, not {kind(entry)}")
                frame.budget.spend(len(entry))
                yield from ((key, get(entry, key)) for key in entry)

    def run(frame: Frame) -> Value:
        return make_map(entries(frame))

    return run


def _filter_and_result(
    bodies: tuple[Evaluator, ...],
) -> tuple[Callable[[Frame], bool], Evaluator]:
    if len(bodies) == 1:
        return lambda _: True, bodies[0]
    condition, result = bodies
    return lambda frame: boolean(condition(frame), "a filter"), result


def make_map(entries: Iterator[tuple[Value, Value]]) -> Value:
    """Make an object of entries: a plain one as long as all keys are strings."""
    plain: dict[Value, Value] = {}
    mixed: MixedMap | None = None
    for key, value in entries:
        if mixed is None and type(key) is not str:
            mixed = MixedMap(plain)
        if mixed is not None:
            if type(key) not in {str, int, bool}:
                raise ExpressionError(f"{kind(key)} is no key of an object")
            mixed.set(key, value)
        elif key in plain:
            raise duplicate_key(key)
        else:
            plain[key] = value
    return plain if mixed is None else mixed


@dataclass(frozen=True, slots=True)
class LoopMacro:
    """A macro that loops: how many variables and bodies it takes."""

    make: Maker
    variables: int
    bodies: int


_ALL: Final = _junction("&&")
_EXISTS: Final = _junction("||")

LOOPS: Final[dict[tuple[str, int], LoopMacro]] = {
    ("all", 2): LoopMacro(_ALL, 1, 1),
    ("all", 3): LoopMacro(_ALL, 2, 1),
    ("exists", 2): LoopMacro(_EXISTS, 1, 1),
    ("exists", 3): LoopMacro(_EXISTS, 2, 1),
    ("exists_one", 2): LoopMacro(_exactly_one, 1, 1),
    ("exists_one", 3): LoopMacro(_exactly_one, 2, 1),
    ("existsOne", 2): LoopMacro(_exactly_one, 1, 1),
    ("existsOne", 3): LoopMacro(_exactly_one, 2, 1),
    ("filter", 2): LoopMacro(_filter, 1, 1),
    ("map", 2): LoopMacro(_transform, 1, 1),
    ("map", 3): LoopMacro(_transform, 1, 2),
    ("transformList", 3): LoopMacro(_transform, 2, 1),
    ("transformList", 4): LoopMacro(_transform, 2, 2),
    ("transformMap", 3): LoopMacro(_transform_map, 2, 1),
    ("transformMap", 4): LoopMacro(_transform_map, 2, 2),
    ("transformMapEntry", 3): LoopMacro(_transform_entries, 2, 1),
    ("transformMapEntry", 4): LoopMacro(_transform_entries, 2, 2),
}
"""The macros by name and number of arguments."""
