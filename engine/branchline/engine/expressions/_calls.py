"""How functions are declared and found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from ._errors import ExpressionError
from ._frame import Budget
from ._values import Value, kind, whole_number

Implementation: TypeAlias = Callable[..., Value]
"""Takes the budget and the arguments, a receiver first."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Function:
    """A function with the numbers of arguments that it takes, the receiver counted."""

    implementation: Implementation
    fewest: int
    most: int


Functions: TypeAlias = Mapping[str, Function]


def take(value: Value, expected: type[T], name: str) -> T:
    """Check an argument's type."""
    if type(value) is expected:
        return value
    raise refused(name, value)


def take_index(value: Value, name: str) -> int:
    """Check an argument that is a whole number."""
    index = whole_number(value)
    if index is None:
        raise refused(name, value)
    return index


def refused(name: str, value: Value) -> ExpressionError:
    """Say that a function does not take such a value."""
    return ExpressionError(f"{name} can't take {kind(value)}")


def pure(implementation: Callable[..., Value], fewest: int, most: int | None = None) -> Function:
    """Declare a function whose work is constant and so needs no budget."""

    def without_budget(_: Budget, *arguments: Value) -> Value:
        return implementation(*arguments)

    return Function(without_budget, fewest, fewest if most is None else most)
