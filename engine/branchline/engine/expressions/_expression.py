"""Compiled expressions and conditions."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from ._compiler import Compiler
from ._errors import ExpressionError
from ._frame import Allowance, Budget, Evaluator, Frame
from ._parser import parse
from ._results import Results
from ._tokens import nested_too_deep
from ._values import Json, Value, is_map, truth

T = TypeVar("T")

_WORDS: Final = {"true": True, "false": False}


class Expression:
    """A compiled expression. It keeps no state, so it can be evaluated any number of times."""

    __slots__ = ("_evaluator", "_slots", "text")

    def __init__(self, text: str, evaluator: Evaluator, slots: int) -> None:
        """Use `compile_expression` instead."""
        self.text = text
        self._evaluator = evaluator
        self._slots = slots

    def evaluate(self, scope: Mapping[str, Value], allowance: Allowance | None = None) -> Json:
        """Give the value for a scope, as JSON (semantics 3.1 to 3.5).

        Timestamps and durations become text: RFC 3339 in UTC, and seconds as in `90s`. Values of
        the scope are shared with the result, not copied.

        Raises:
            ExpressionError: there is no value, or it takes too much to get it (3.6).

        """
        budget = Budget(allowance)
        try:
            return self.run(scope, budget, Results().json)
        finally:
            budget.settle()

    def run(self, scope: Mapping[str, Value], budget: Budget, finish: Callable[[Value], T]) -> T:
        """Evaluate within a budget that others may share, and finish the value.

        Raises:
            ExpressionError: as in `evaluate`.

        """
        frame = Frame(scope, self._slots, budget)
        try:
            return finish(self._evaluator(frame))
        except ExpressionError as error:
            error.within(self.text)
            raise
        except RecursionError:
            raise ExpressionError("a value is nested too deep", self.text) from None
        except ValueError as error:
            raise ExpressionError(f"a value can't be used: {error}", self.text) from error


class Condition:
    """A compiled condition (semantics 3.4)."""

    __slots__ = ("_expression", "text")

    def __init__(self, text: str, expression: Expression) -> None:
        """Use `compile_condition` instead."""
        self.text = text
        self._expression = expression

    def holds(self, scope: Mapping[str, Value], allowance: Allowance | None = None) -> bool:
        """Tell whether the value for a scope counts as true.

        Raises:
            ExpressionError: there is no value, or it takes too much to get it (3.6).

        """
        budget = Budget(allowance)
        try:
            return self._expression.run(scope, budget, _counts_as_true)
        finally:
            budget.settle()


def _counts_as_true(value: Value) -> bool:
    if type(value) is bool:
        return value
    if type(value) is list or is_map(value):
        return truth(value)
    return truth(Results().json(value))


def compile_expression(text: str) -> Expression:
    """Compile an expression (semantics 3.1).

    Raises:
        InvalidExpression: it does not compile, or is too long or nested too deep (3.6).

    """
    compiler = Compiler(text)
    try:
        evaluator = compiler.compile(parse(text))
    except RecursionError:  # the caller stands deep in the stack itself
        raise nested_too_deep(text, 0) from None
    return Expression(text, evaluator, compiler.slots)


def compile_condition(text: str) -> Condition:
    """Compile a condition: an expression, or `true` or `false` in any case (semantics 3.4).

    Raises:
        InvalidExpression: it does not compile, or is too long or nested too deep (3.6).

    """
    word = _WORDS.get(text.strip().lower())
    if word is None:
        return Condition(text, compile_expression(text))
    return Condition(text, Expression(text, lambda _: word, 0))
