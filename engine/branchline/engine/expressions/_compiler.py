"""From syntax tree to closures that evaluate it."""

from collections.abc import Callable, Iterator
from typing import Final, cast

from ._calls import Functions, refused
from ._errors import ExpressionError, InvalidExpression
from ._frame import Evaluator, Frame
from ._functions import FUNCTIONS, METHODS
from ._logic import conditional, logic, negation
from ._loops import LOOPS, Loop, make_map
from ._operators import OPERATORS, negate
from ._optional_macros import OPTIONAL_MACROS
from ._regex import compile_pattern, search
from ._selection import field_of, index, lenient_index, presence, variable
from ._syntax import (
    Call,
    Chain,
    Conditional,
    Index,
    ListLiteral,
    Literal,
    Logic,
    MapLiteral,
    Name,
    Node,
    Select,
    Unary,
)
from ._values import INT_MAX, INT_MIN, Optional, Value, kind

_NAMESPACES: Final = frozenset(name.partition(".")[0] for name in FUNCTIONS if "." in name)


class Compiler:
    """Compiles the nodes of one expression; `slots` counts the local variables that it needs."""

    def __init__(self, text: str) -> None:
        """Keep the text for errors."""
        self._text = text
        self._locals: dict[str, int] = {}
        self.slots = 0

    def compile(self, node: Node) -> Evaluator:
        """Compile a node and all below it."""
        compile_node = cast("Callable[[Compiler, Node], Evaluator]", _COMPILERS[type(node)])
        return compile_node(self, node)

    def _compile_all(self, nodes: tuple[Node, ...]) -> tuple[Evaluator, ...]:
        return tuple(map(self.compile, nodes))

    def _invalid(self, message: str, node: Node) -> InvalidExpression:
        return InvalidExpression(message, self._text, node.position)

    def _literal(self, node: Literal) -> Evaluator:
        value = node.value
        if type(value) is int and not INT_MIN <= value <= INT_MAX:
            raise self._invalid("the integer is beyond 64 bits", node)
        return lambda _: value

    def _name(self, node: Name) -> Evaluator:
        slot = None if node.rooted else self._locals.get(node.name)
        return variable(node.name, ()) if slot is None else _local(slot)

    def _select(self, node: Select) -> Evaluator:
        base = node.base
        if isinstance(base, Name) and (base.rooted or base.name not in self._locals):
            return variable(base.name, node.fields)
        return field_of(self.compile(base), node.fields)

    def _index(self, node: Index) -> Evaluator:
        make = lenient_index if node.lenient else index
        return make(self.compile(node.base), self.compile(node.key))

    def _list(self, node: ListLiteral) -> Evaluator:
        parts = [(self.compile(element.value), element.lenient) for element in node.elements]

        def run(frame: Frame) -> list[Value]:
            values: list[Value] = []
            for part, lenient in parts:
                value = part(frame)
                if not lenient:
                    values.append(value)
                elif _is_present(value):
                    values.append(value.value)  # type: ignore[attr-defined]  # an Optional
            return values

        return run

    def _map(self, node: MapLiteral) -> Evaluator:
        parts = [
            (self.compile(key), self.compile(element.value), element.lenient)
            for key, element in node.entries
        ]

        def entries(frame: Frame) -> Iterator[tuple[Value, Value]]:
            for key, part, lenient in parts:
                value = part(frame)
                if not lenient:
                    yield key(frame), value
                elif _is_present(value):
                    yield key(frame), value.value  # type: ignore[attr-defined]  # an Optional

        return lambda frame: make_map(entries(frame))

    def _unary(self, node: Unary) -> Evaluator:
        operand = self.compile(node.operand)
        if node.operator == "!":
            return negation(operand)
        return lambda frame: negate(operand(frame))

    def _chain(self, node: Chain) -> Evaluator:
        first = self.compile(node.first)
        rest = [(OPERATORS[sign], self.compile(operand)) for sign, operand in node.rest]
        if len(rest) == 1:
            ((operator, second),) = rest
            return lambda frame: operator(frame.budget, first(frame), second(frame))

        def run(frame: Frame) -> Value:
            value, budget = first(frame), frame.budget
            for operator, operand in rest:
                value = operator(budget, value, operand(frame))
            return value

        return run

    def _logic(self, node: Logic) -> Evaluator:
        return logic(node.operator, self._compile_all(node.operands))

    def _conditional(self, node: Conditional) -> Evaluator:
        branches = tuple((self.compile(test), self.compile(then)) for test, then in node.branches)
        return conditional(branches, self.compile(node.otherwise))

    def _call(self, node: Call) -> Evaluator:
        if node.target is None:
            if node.name == "has" and len(node.arguments) == 1:
                return self._has(node.arguments[0])
            return self._function(FUNCTIONS, node.name, node.arguments)
        count = len(node.arguments)
        if (node.name, count) in LOOPS:
            return self._loop(node, node.target)
        if node.name in OPTIONAL_MACROS and OPTIONAL_MACROS[node.name].arguments == count:
            return self._optional_macro(node, node.target)
        return self._method(node, node.target)

    def _method(self, node: Call, target: Node) -> Evaluator:
        if isinstance(target, Name) and target.name not in self._locals:
            if (target.name, node.name, len(node.arguments)) == ("cel", "bind", 3):
                return self._bind(node)
            if target.name in _NAMESPACES:
                return self._function(FUNCTIONS, f"{target.name}.{node.name}", node.arguments)
        arguments = (target, *node.arguments)
        if node.name == "matches" and len(node.arguments) == 1:
            return self._matches(target, node.arguments[0])
        return self._function(METHODS, node.name, arguments)

    def _function(self, known: Functions, name: str, nodes: tuple[Node, ...]) -> Evaluator:
        function = known.get(name)
        if function is None or not function.fewest <= len(nodes) <= function.most:
            return _unknown(name, len(nodes), method=known is METHODS)
        implementation, arguments = function.implementation, self._compile_all(nodes)
        if len(arguments) == 1:
            (only,) = arguments
            return lambda frame: implementation(frame.budget, only(frame))
        return lambda frame: implementation(
            frame.budget, *[argument(frame) for argument in arguments]
        )

    def _matches(self, text: Node, pattern: Node) -> Evaluator:
        """Compile a constant pattern now, so that a bad one is told early."""
        if not (isinstance(pattern, Literal) and isinstance(pattern.value, str)):
            return self._function(METHODS, "matches", (text, pattern))
        try:
            compiled = compile_pattern(pattern.value)
        except ExpressionError as error:
            raise self._invalid(error.message, pattern) from None
        subject = self.compile(text)

        def run(frame: Frame) -> bool:
            value = subject(frame)
            if type(value) is not str:
                raise refused("matches", value)
            return search(frame.budget, value, compiled)

        return run

    def _has(self, argument: Node) -> Evaluator:
        if isinstance(argument, Select):
            *path, field = argument.fields
            base = argument.base
            if path:
                base = Select(base.position, argument.depth, argument.cost, base, tuple(path))
            return presence(self.compile(base), field)
        if isinstance(argument, Index) and argument.lenient and isinstance(argument.key, Literal):
            return presence(self.compile(argument.base), str(argument.key.value))
        raise self._invalid("has takes a field, as in has(state.total)", argument)

    def _loop(self, node: Call, target: Node) -> Evaluator:
        macro = LOOPS[node.name, len(node.arguments)]
        items = self.compile(target)
        names = [self._variable(argument) for argument in node.arguments[: macro.variables]]
        if len(set(names)) < len(names):
            raise self._invalid(f"{names[0]!r} names two variables", node.arguments[1])
        bodies = node.arguments[macro.variables :]
        slots, compiled = self._with_locals(names, bodies)
        return macro.make(Loop(items, slots, 1 + sum(body.cost for body in bodies)), compiled)

    def _optional_macro(self, node: Call, target: Node) -> Evaluator:
        macro = OPTIONAL_MACROS[node.name]
        names = [self._variable(argument) for argument in node.arguments[: macro.variables]]
        base = self.compile(target)
        slots, (body,) = self._with_locals(names, node.arguments[macro.variables :])
        return macro.make(base, body, slots)

    def _bind(self, node: Call) -> Evaluator:
        name, bound, body = node.arguments
        value = self.compile(bound)
        (slot,), (result,) = self._with_locals([self._variable(name)], (body,))

        def run(frame: Frame) -> Value:
            frame.locals[slot] = value(frame)
            return result(frame)

        return run

    def _variable(self, node: Node) -> str:
        if isinstance(node, Name) and not node.rooted:
            return node.name
        raise self._invalid("a macro's variable is a simple name", node)

    def _with_locals(
        self, names: list[str], nodes: tuple[Node, ...]
    ) -> tuple[tuple[int, ...], tuple[Evaluator, ...]]:
        """Compile nodes in which some names stand for local variables."""
        outer = self._locals
        slots = tuple(range(self.slots, self.slots + len(names)))
        self.slots += len(names)
        self._locals = outer | dict(zip(names, slots, strict=True))
        compiled = self._compile_all(nodes)
        self._locals = outer
        return slots, compiled


def _local(slot: int) -> Evaluator:
    return lambda frame: frame.locals[slot]


def _is_present(value: Value) -> bool:
    if type(value) is Optional:
        return value.present
    raise ExpressionError(f"a ? takes an optional, not {kind(value)}")


def _unknown(name: str, count: int, *, method: bool) -> Evaluator:
    """Compile a call of nothing: an error when it is evaluated, as CEL has it."""
    given = count - 1 if method else count
    what = f"{'method' if method else 'function'} {name!r} with {given} argument(s)"

    def run(_: Frame) -> Value:
        raise ExpressionError(f"there is no {what}")

    return run


_COMPILERS: Final[dict[type[Node], object]] = {
    Literal: Compiler._literal,  # noqa: SLF001  # the class's own table
    Name: Compiler._name,  # noqa: SLF001
    Select: Compiler._select,  # noqa: SLF001
    Index: Compiler._index,  # noqa: SLF001
    Call: Compiler._call,  # noqa: SLF001
    ListLiteral: Compiler._list,  # noqa: SLF001
    MapLiteral: Compiler._map,  # noqa: SLF001
    Unary: Compiler._unary,  # noqa: SLF001
    Chain: Compiler._chain,  # noqa: SLF001
    Logic: Compiler._logic,  # noqa: SLF001
    Conditional: Compiler._conditional,  # noqa: SLF001
}
