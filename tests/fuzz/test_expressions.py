"""Any expression and template: the documented errors and no others, within its steps (3.6)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from branchline.engine.expressions import (
    Allowance,
    ExpressionError,
    InvalidExpression,
    InvalidTemplate,
    compile_condition,
    compile_expression,
    compile_template,
)
from tests.fuzz.effort import effort
from tests.fuzz.grammar import CONFORMANCE, EXPRESSIONS, TEMPLATES, TEXTS

# What a step may take at the very most, by the clock of this thread; usual is a hundredth of it.
_SECONDS_A_STEP = 2e-5
_SECONDS = 0.5
"""What is spent beside the steps, with a collection of garbage that came along."""

_STEPS = st.sampled_from([0, 1, 7, 100, 2_000, 30_000])
_DEEP: object = 0
for _ in range(150):
    _DEEP = [_DEEP]
_STATE = {
    "n": 3,
    "a": {"a": [1, "b", None], "text": "x"},
    "text": "añ€ 1h " * 3_000,
    "row": [*range(2_000)],
    "deep": _DEEP,
    "odd key": 2**70,
}
SCOPE = {"state": _STATE, "inputs": {"n": 1.5}, "x": [1, "a"], "y": {"a": 2.5}, "k": ""}


def within(steps: int, evaluate: Callable[[Allowance], object]) -> object:
    """What an evaluation gives, or its error; it takes no longer than its steps."""
    allowance = Allowance(steps)
    begun = time.thread_time()
    try:
        return evaluate(allowance)
    except ExpressionError as error:
        assert str(error)
        return error
    finally:
        taken = time.thread_time() - begun
        assert taken < _SECONDS + steps * _SECONDS_A_STEP, f"{taken} s for {steps} steps"


@effort(250)
@given(TEXTS, _STEPS)
def test_any_expression_gives_json_or_an_error(text: str, steps: int) -> None:
    try:
        expression, condition = compile_expression(text), compile_condition(text)
    except InvalidExpression as error:
        assert 0 <= error.position <= len(text)
        assert str(error)
        return
    value = within(steps, lambda allowance: expression.evaluate(SCOPE, allowance))
    if not isinstance(value, ExpressionError):
        json.dumps(value, allow_nan=False)
    holds = within(steps, lambda allowance: condition.holds(SCOPE, allowance))
    assert isinstance(holds, bool | ExpressionError)


@effort(100)
@given(TEMPLATES, _STEPS)
@example("${" * 300, 1)
@example("${'" + "${'" * 300, 1)
def test_any_template_gives_json_or_an_error(text: str, steps: int) -> None:
    document: object = {"a": [text, {"b": text}], text: 1}
    try:
        template = compile_template(document)  # type: ignore[arg-type]  # it is JSON
    except InvalidTemplate as error:
        assert str(error)
        return
    value = within(steps, lambda allowance: template.render(SCOPE, allowance))
    if not isinstance(value, ExpressionError):
        json.dumps(value, allow_nan=False)


@effort(60)
@given(EXPRESSIONS | st.sampled_from(CONFORMANCE), st.integers(0, 400))
def test_fewer_steps_never_give_another_value(text: str, steps: int) -> None:
    """What fits its allowance is what it is without one: running out is an error, not a value."""
    try:
        expression = compile_expression(text)
    except InvalidExpression:
        return
    allowance = Allowance(steps)
    short = within(steps, lambda _: expression.evaluate(SCOPE, allowance))
    if isinstance(short, ExpressionError):
        return
    assert not allowance.is_spent
    whole = expression.evaluate(SCOPE)
    assert json.dumps(whole) == json.dumps(short)


@effort(60)
@given(st.lists(EXPRESSIONS, min_size=2, max_size=30), st.sampled_from(["+", "&&", ",", "?", "["]))
def test_what_is_long_or_deep_compiles_in_time(parts: list[str], glue: str) -> None:
    text = glue.join(parts * 40)
    if glue == "[":
        text = f"{text}{']' * text.count('[')}"
    begun = time.thread_time()
    try:
        compile_expression(text)
    except InvalidExpression as error:
        assert str(error)
    # A text is at most 10,000 characters; what is longer is refused unread.
    assert time.thread_time() - begun < 2
