"""Conditions: `&&`, `||`, `!` and `?:`.

`&&` and `||` do not care for the order of their operands: an error on one side does not count
when another side decides the result.
"""

from collections.abc import Iterable

from ._errors import ExpressionError, LimitReached
from ._frame import Evaluator, Frame
from ._values import Value, kind


def settle(sign: str, conditions: Iterable[Evaluator], frame: Frame) -> bool:
    """Evaluate conditions, joined by && or ||, until one decides the result."""
    deciding = sign == "||"
    error: ExpressionError | None = None
    for condition in conditions:
        try:
            value = condition(frame)
        except LimitReached:
            raise
        except ExpressionError as caught:
            error = caught
            continue
        if value is deciding:
            return deciding
        if value is not (not deciding):
            error = ExpressionError(f"{sign} takes booleans, not {kind(value)}")
    if error is not None:
        raise error
    return not deciding


def logic(sign: str, operands: tuple[Evaluator, ...]) -> Evaluator:
    """Compile conditions joined by && or ||."""
    return lambda frame: settle(sign, operands, frame)


def negation(operand: Evaluator) -> Evaluator:
    """Compile `!operand`."""

    def run(frame: Frame) -> bool:
        return not boolean(operand(frame), "!")

    return run


def conditional(
    branches: tuple[tuple[Evaluator, Evaluator], ...], otherwise: Evaluator
) -> Evaluator:
    """Compile choices in a row."""

    def run(frame: Frame) -> Value:
        for condition, chosen in branches:
            if boolean(condition(frame), "?:"):
                return chosen(frame)
        return otherwise(frame)

    return run


def boolean(value: Value, taker: str) -> bool:
    """Check that a value is a boolean."""
    if value is True or value is False:
        return value
    raise ExpressionError(f"{taker} takes a boolean, not {kind(value)}")
