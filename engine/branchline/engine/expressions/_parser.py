"""From text to syntax tree."""

from collections.abc import Container, Sequence
from functools import lru_cache
from typing import Final, TypeAlias, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from . import _literals
from ._errors import InvalidExpression, shorten
from ._grammar import GRAMMAR
from ._limits import MAX_NESTING
from ._syntax import (
    Call,
    Chain,
    Conditional,
    Element,
    Index,
    ListLiteral,
    Literal,
    Logic,
    MapLiteral,
    Name,
    Node,
    Select,
    Unary,
    measure,
)
from ._tokens import check_size, nested_too_deep

_RESERVED_WORDS: Final = """
as break const continue else for function if import let loop package namespace return var void while
"""
_KEYWORDS: Final = frozenset({"in", "true", "false", "null"})
_RESERVED: Final = _KEYWORDS.union(_RESERVED_WORDS.split())
_CONSTANTS: Final = {"TRUE": True, "FALSE": False, "NULL": None}

_Entry: TypeAlias = tuple[Node, Element]


class _Fault(Exception):
    """A fault that the builder finds; the text is added outside."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class _TooDeep(_Fault):
    """A tree that is too deep."""


def _start(token: Token) -> int:
    return token.start_pos or 0


def _checked(node: Node) -> Node:
    if node.depth > MAX_NESTING:
        raise _TooDeep("", node.position)
    return node


def _name(token: Token, reserved: Container[str]) -> str:
    if str(token) in reserved:
        raise _Fault(f"{str(token)!r} is a reserved word", _start(token))
    return str(token)


def _plain(token: Token) -> str:
    """Give the name of a variable or a function."""
    return _name(token, _RESERVED)


def _field(token: Token) -> str:
    """Give the name of a field or a method, for which most reserved words are fine."""
    return token[1:-1] if token.type == "QUOTED_FIELD" else _name(token, _KEYWORDS)


class _Builder(Transformer[Token, Node]):
    """Builds nodes bottom-up, while the text is parsed; each method is a rule's name."""

    def literal(self, children: Sequence[Token]) -> Node:
        (token,) = children
        try:
            return Literal(_start(token), 1, 1, self._value(token))
        except _literals.BadLiteral as error:
            raise _Fault(error.message, _start(token) + error.offset) from None

    def _value(self, token: Token) -> bool | int | float | str | None:
        match token.type:
            case "INTEGER":
                return _literals.integer(token)
            case "FRACTION":
                return _literals.fraction(token)
            case "STRING":
                return _literals.string(token)
            case "RAW_STRING":
                return _literals.raw_string(token)
            case "UNSIGNED":
                raise _Fault("unsigned integers are not supported; leave the u", _start(token))
            case "BYTES":
                raise _Fault("bytes are not supported; use a string", _start(token))
            case _:
                return _CONSTANTS[token.type]

    def name(self, children: Sequence[Token]) -> Node:
        return Name(_start(children[0]), 1, 1, _plain(children[0]))

    def rooted_name(self, children: Sequence[Token]) -> Node:
        return Name(_start(children[0]), 1, 1, _plain(children[0]), rooted=True)

    def select(self, children: tuple[Node, Token]) -> Node:
        base, token = children
        field = _field(token)
        if isinstance(base, Select):
            # A row of fields is one node: it is as flat as it looks.
            fields = (*base.fields, field)
            return Select(base.position, base.depth, base.cost + 1, base.base, fields)
        return _checked(Select(base.position, *measure(base), base, (field,)))

    def select_lenient(self, children: tuple[Node, Token]) -> Node:
        base, token = children
        key = Literal(_start(token), 1, 1, _field(token))
        return self._index(base, key, lenient=True)

    def index(self, children: tuple[Node, Node]) -> Node:
        return self._index(*children, lenient=False)

    def index_lenient(self, children: tuple[Node, Node]) -> Node:
        return self._index(*children, lenient=True)

    def _index(self, base: Node, key: Node, *, lenient: bool) -> Node:
        return _checked(Index(base.position, *measure(base, key), base, key, lenient))

    def arguments(self, children: Sequence[Node | None]) -> tuple[Node, ...]:
        return tuple(child for child in children if child is not None)

    def function(self, children: tuple[Token, tuple[Node, ...]]) -> Node:
        token, arguments = children
        name = _plain(token)
        return _checked(Call(_start(token), *measure(*arguments), name, None, arguments))

    def method(self, children: tuple[Node, Token, tuple[Node, ...]]) -> Node:
        target, token, arguments = children
        size = measure(target, *arguments)
        return _checked(Call(_start(token), *size, _field(token), target, arguments))

    def element(self, children: Sequence[Node]) -> Element:
        return Element(children[0])

    def element_lenient(self, children: Sequence[Node]) -> Element:
        return Element(children[0], lenient=True)

    def list_literal(self, children: Sequence[Token | Element]) -> Node:
        bracket, elements = cast("Token", children[0]), cast("list[Element]", list(children[1:]))
        size = measure(*(element.value for element in elements))
        return _checked(ListLiteral(_start(bracket), *size, tuple(elements)))

    def entry(self, children: tuple[Node, Node]) -> _Entry:
        return children[0], Element(children[1])

    def entry_lenient(self, children: tuple[Node, Node]) -> _Entry:
        return children[0], Element(children[1], lenient=True)

    def map_literal(self, children: Sequence[Token | _Entry]) -> Node:
        brace, entries = cast("Token", children[0]), cast("list[_Entry]", list(children[1:]))
        parts = [node for key, element in entries for node in (key, element.value)]
        return _checked(MapLiteral(_start(brace), *measure(*parts), tuple(entries)))

    def unary(self, children: Sequence[Token | Node]) -> Node:
        signs, operand = cast("list[Token]", children[:-1]), cast("Node", children[-1])
        if len(signs) % 2 == 0:
            return operand
        position = _start(signs[0])
        if signs[0] == "-" and isinstance(operand, Literal) and type(operand.value) in {int, float}:
            number = cast("float", operand.value)
            if number >= 0:  # a sign is a part of its literal: only so -2^63 can be written
                return Literal(position, 1, 1, -number)
        return _checked(Unary(position, *measure(operand), str(signs[0]), operand))

    def chain(self, children: Sequence[Token | Node]) -> Node:
        operands = cast("list[Node]", list(children[::2]))
        operators = [str(token) for token in children[1::2]]
        rest = tuple(zip(operators, operands[1:], strict=True))
        return _checked(Chain(operands[0].position, *measure(*operands), operands[0], rest))

    def any_of(self, children: Sequence[Node]) -> Node:
        return self._logic("||", children)

    def all_of(self, children: Sequence[Node]) -> Node:
        return self._logic("&&", children)

    def _logic(self, operator: str, operands: Sequence[Node]) -> Node:
        size = measure(*operands)
        return _checked(Logic(operands[0].position, *size, operator, tuple(operands)))

    def conditional(self, children: tuple[Node, Node, Node]) -> Node:
        condition, chosen, otherwise = children
        branches: tuple[tuple[Node, Node], ...] = ((condition, chosen),)
        depth, cost = measure(condition, chosen, otherwise)
        if isinstance(otherwise, Conditional):
            # A row of choices is one node: it is as flat as it looks.
            depth = max(otherwise.depth, 1 + condition.depth, 1 + chosen.depth)
            branches, otherwise = branches + otherwise.branches, otherwise.otherwise
        return _checked(Conditional(condition.position, depth, cost, branches, otherwise))


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", transformer=_Builder(), maybe_placeholders=False)


def parse(text: str) -> Node:
    """Parse an expression; raise `InvalidExpression` when there is none."""
    check_size(text)
    if not text.strip():
        raise InvalidExpression("the expression is empty", text, 0)
    try:
        return cast("Node", _parser().parse(text))
    except _TooDeep as fault:
        raise nested_too_deep(text, fault.position) from None
    except _Fault as fault:
        raise InvalidExpression(fault.message, text, fault.position) from None
    except UnexpectedInput as error:
        raise InvalidExpression(*_unexpected(error, text)) from None


def _unexpected(error: UnexpectedInput, text: str) -> tuple[str, str, int]:
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        return f"{shorten(str(error.token))!r} is not expected", text, _start(error.token)
    if isinstance(error, UnexpectedCharacters):
        position = cast("int", error.pos_in_stream)
        return f"{text[position]!r} is not expected", text, position
    return "the expression ends too early", text, len(text)
