"""The syntax tree of an expression.

Every node knows its offset in the text, its depth (levels of nodes below it, and itself) and its
cost (steps that one evaluation takes at most, where loops count once).
"""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Node:
    """What all nodes have."""

    position: int
    depth: int
    cost: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A constant."""

    value: bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A variable; `rooted` is one written with a leading dot, which no local name hides."""

    name: str
    rooted: bool = False


@dataclass(frozen=True, slots=True)
class Select(Node):
    """One field of a value after the other: `base.a.b`."""

    base: Node
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Index(Node):
    """An element or entry: `base[key]`, or `base[?key]` and `base.?key` when `lenient`."""

    base: Node
    key: Node
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function or a macro: `name(...)` or `target.name(...)`."""

    name: str
    target: Node | None
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a list or an entry's value; a `lenient` one is left out when absent."""

    value: Node
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class ListLiteral(Node):
    """A list: `[a, ?b]`."""

    elements: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class MapLiteral(Node):
    """An object: `{k: a, ?l: b}`."""

    entries: tuple[tuple[Node, Element], ...]


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """A sign or a negation: `-a`, `!a`."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """Operators of one rank, from left to right: `a - b + c`."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """Conditions of which all (`&&`) or one (`||`) must hold."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    """A choice, or several in a row: `c ? a : d ? b : otherwise`."""

    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node


Measure: TypeAlias = tuple[int, int]


def measure(*parts: Node) -> Measure:
    """Give the depth and the cost of a node with these parts."""
    return 1 + max((part.depth for part in parts), default=0), 1 + sum(part.cost for part in parts)
