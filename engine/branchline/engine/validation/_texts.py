"""Expressions and templates: those that do not compile (semantics 3.1, 3.3, 3.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from branchline.engine.expressions import (
    InvalidExpression,
    InvalidTemplate,
    compile_condition,
    compile_expression,
    template_problems,
)
from branchline.engine.quoting import on_one_line, quoted

from ._fault import Fault, Faults, object_faults


def condition_faults(field: str, condition: str) -> Faults:
    """A condition must compile; there may be none."""
    if condition:
        yield from _compile_faults(compile_condition, field, condition)


def template_faults(field: str, value: Any) -> Faults:  # noqa: ANN401 - it may be any JSON value
    """The strings at any depth of a value must compile as templates."""
    for problem in template_problems(value):
        where = field + "".join(map(_step_into, problem.path))
        yield Fault("INVALID_TEMPLATE", _described(where, problem))


def template_object_faults(field: str, value: Any) -> Faults:  # noqa: ANN401 - as above
    """A field that holds templates by name must be an object, and its templates compile."""
    yield from object_faults(field, value)
    yield from template_faults(field, value)


def items_faults(field: str, items: Any) -> Faults:  # noqa: ANN401 - it may be any JSON value
    """A string is an expression, or a template when it has ``${`` in it (semantics 9.1)."""
    if isinstance(items, str) and "${" not in items:
        yield from _compile_faults(compile_expression, field, items)
    else:
        yield from template_faults(field, items)


def _compile_faults(compiler: Callable[[str], object], field: str, text: str) -> Faults:
    try:
        compiler(text)
    except InvalidExpression as problem:
        yield Fault("INVALID_EXPRESSION", _described(field, problem))


def _described(where: str, problem: InvalidExpression | InvalidTemplate) -> str:
    text = quoted(problem.text, problem.position)
    return f"{where}: {problem.message} at position {problem.position} of {text}"


def _step_into(part: str | int) -> str:
    return f"[{part}]" if isinstance(part, int) else f".{on_one_line(part)}"
