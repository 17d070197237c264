"""Templates: JSON values with `${...}` in their strings (semantics 3.3)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from ._errors import InvalidExpression, InvalidTemplate
from ._expression import Expression, compile_expression
from ._frame import Allowance, Budget
from ._limits import MAX_DOCUMENT_NESTING
from ._results import Results
from ._tokens import find_closing_brace
from ._values import Json, Value

_OPEN: Final = "${"

Path: TypeAlias = tuple[str | int, ...]


@dataclass(slots=True)
class _Rendering:
    """One rendering: what all expressions of a template share."""

    scope: Mapping[str, Value]
    budget: Budget
    results: Results

    def value(self, expression: Expression) -> Json:
        return expression.run(self.scope, self.budget, self.results.json)

    def text(self, expression: Expression) -> str:
        return expression.run(self.scope, self.budget, self.results.text)


_Renderer: TypeAlias = Callable[[_Rendering], Json]


class Template:
    """A compiled template. It keeps no state, so it can be rendered any number of times."""

    __slots__ = ("_renderer", "constant")

    def __init__(self, constant: Json, renderer: _Renderer | None) -> None:
        """Use `compile_template` instead."""
        self.constant = constant
        self._renderer = renderer

    @property
    def is_constant(self) -> bool:
        """Tell whether no expression is in it, so that it renders the same for every scope."""
        return self._renderer is None

    def render(self, scope: Mapping[str, Value], allowance: Allowance | None = None) -> Json:
        """Give the value with all expressions replaced by their values for a scope.

        Parts without an expression are shared between renderings, not copied.

        Raises:
            ExpressionError: an expression has no value, or all of them take too much (3.6).

        """
        if self._renderer is None:
            return self.constant
        budget = Budget(allowance)
        try:
            return self.rendered(_Rendering(scope, budget, Results()))
        finally:
            budget.settle()

    def rendered(self, rendering: _Rendering) -> Json:
        """Give the value as a part of a larger rendering."""
        return self.constant if self._renderer is None else self._renderer(rendering)


def compile_template(value: Json) -> Template:
    """Compile a template: any JSON value, with `${...}` in strings at any depth.

    Raises:
        InvalidTemplate: an expression in it does not compile, is never closed, is too long or
            nested too deep; the first of them.

    """
    compiler = _Compiler()
    template = compiler.compile(value)
    if compiler.problems:
        raise compiler.problems[0]
    return template


def template_problems(value: Json) -> list[InvalidTemplate]:
    """List what is wrong with a template: the first problem of every string in it."""
    compiler = _Compiler()
    compiler.compile(value)
    return compiler.problems


class _Compiler:
    """Compiles a document and collects its problems."""

    def __init__(self) -> None:
        self.problems: list[InvalidTemplate] = []

    def compile(self, value: Json, path: Path = ()) -> Template:
        if isinstance(value, str):
            return self._string(value, path)
        if not isinstance(value, list | dict):
            return Template(value, None)
        if len(path) > MAX_DOCUMENT_NESTING:
            message = f"the template is nested deeper than {MAX_DOCUMENT_NESTING} levels"
            self.problems.append(InvalidTemplate(message, "", 0, path))
            return Template(None, None)
        return self._list(value, path) if isinstance(value, list) else self._object(value, path)

    def _string(self, text: str, path: Path) -> Template:
        try:
            return _compile_string(text)
        except InvalidExpression as error:
            self.problems.append(InvalidTemplate(error.message, text, error.position, path))
            return Template(None, None)

    def _list(self, value: list[Json], path: Path) -> Template:
        parts = [self.compile(element, (*path, index)) for index, element in enumerate(value)]
        if all(part.is_constant for part in parts):
            return Template([part.constant for part in parts], None)
        return Template(None, lambda rendering: [part.rendered(rendering) for part in parts])

    def _object(self, value: dict[str, Json], path: Path) -> Template:
        parts = {key: self.compile(element, (*path, key)) for key, element in value.items()}
        if all(part.is_constant for part in parts.values()):
            return Template({key: part.constant for key, part in parts.items()}, None)
        return Template(
            None,
            lambda rendering: {key: part.rendered(rendering) for key, part in parts.items()},
        )


def _compile_string(text: str) -> Template:
    if _OPEN not in text:
        return Template(text, None)
    parts = _split(text)
    expressions = [part for part in parts if isinstance(part, Expression)]
    if not expressions:
        return Template("".join(cast("list[str]", parts)), None)
    if len(expressions) == 1 and "".join(p for p in parts if isinstance(p, str)).strip() == "":
        (whole,) = expressions
        return Template(None, lambda rendering: rendering.value(whole))

    def render(rendering: _Rendering) -> str:
        return "".join(
            rendering.text(part) if isinstance(part, Expression) else part for part in parts
        )

    return Template(None, render)


def _split(text: str) -> list[str | Expression]:
    """Split a text into literal parts and expressions."""
    parts: list[str | Expression] = []
    position = 0
    while (start := text.find(_OPEN, position)) >= 0:
        if start > position and text[start - 1] == "$":
            parts.append(text[position : start - 1] + _OPEN)
            position = start + len(_OPEN)
            continue
        parts.append(text[position:start])
        begin = start + len(_OPEN)
        end = find_closing_brace(text, begin)
        parts.append(_compile_inside(text, begin, end))
        position = end + 1
    parts.append(text[position:])
    return parts


def _compile_inside(text: str, begin: int, end: int) -> Expression:
    try:
        return compile_expression(text[begin:end])
    except InvalidExpression as error:
        raise InvalidExpression(error.message, text, begin + error.position) from None
