"""What a single field of a definition file may hold, and how it is read, written and described."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.duration_pb2 import Duration

from branchline.client.definitions._nodes import Node
from branchline.client.definitions._problems import FieldProblem
from branchline.client.definitions.durations import (
    DURATION_PATTERN,
    format_duration,
    parse_duration,
)

_INT32 = range(-(2**31), 2**31)
_EXACT_IN_DOUBLE = 2**53


@dataclass(frozen=True)
class Place:
    """Where in the file a value stands, and where its problems are told."""

    problems: list[FieldProblem]
    path: str = ""
    step: str = ""

    def at(self, key: str) -> Place:
        """The place of a field of this one."""
        return replace(self, path=f"{self.path}.{key}" if self.path else key)

    def item(self, index: int) -> Place:
        """The place of an item of this one."""
        return replace(self, path=f"{self.path}[{index}]")

    def inside(self, step: str) -> Place:
        """The same place, known to belong to a step."""
        return replace(self, step=step)

    def report(self, node: Node, text: str) -> None:
        """Tells a problem of the value that stands here."""
        line = f"line {node.line}" if node.line else ""
        message = ": ".join(part for part in (line, self.path, text) if part)
        self.problems.append(FieldProblem(step=self.step, message=message))


class Kind(ABC):
    """A kind of value.

    ``read`` never fails: it reports what is wrong and gives a value that passes the server's
    validation in its place, or None to leave the field out.
    """

    suffix = ""
    """What the message's field has behind the file's name."""

    @abstractmethod
    def read(self, node: Node, place: Place) -> Any:  # noqa: ANN401 - what the message's field takes
        """The value for the message's field, None to leave it out."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the value."""

    def write(self, value: Any) -> object:  # noqa: ANN401 - what the message's field holds
        """The value for the file."""
        plain: object = value
        return plain

    def takes(self, node: Node) -> bool:  # noqa: ARG002 - for those that do
        """Whether a value that stands in place of a list of this kind is one item of it."""
        return False


@dataclass(frozen=True)
class Text(Kind):
    """Text. In its place a number is taken as it is written, but not without a problem."""

    words: tuple[str, ...] = ()
    """The words that the server knows, when it doesn't know all."""
    needed: bool = False
    """Whether the definition makes no sense without it: then its path stands for what is lost."""

    def read(self, node: Node, place: Place) -> str | None:
        if isinstance(node.value, str):
            return node.value
        if node.value is None or isinstance(node.value, list | dict):
            place.report(node, f"must be text, not {node.kind}")
            return place.path if self.needed else None
        place.report(node, f"must be text, not {node.kind}: put it in quotes")
        return None if self.words else json.dumps(node.value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", **({"enum": list(self.words)} if self.words else {})}

    def takes(self, node: Node) -> bool:
        return isinstance(node.value, str)


class Condition(Kind):
    """An expression; ``true``, ``false`` and numbers need no quotes."""

    def read(self, node: Node, place: Place) -> str | None:
        if isinstance(node.value, str):
            return node.value
        if node.value is None or isinstance(node.value, list | dict) or not _is_finite(node):
            place.report(node, f"must be the text of an expression, not {node.kind}")
            return None
        return json.dumps(node.value)

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "boolean", "number"]}


class Integer(Kind):
    """A whole number of 32 bits."""

    def read(self, node: Node, place: Place) -> int | None:
        if not isinstance(node.value, int) or isinstance(node.value, bool):
            place.report(node, "must be a whole number" + _but(node))
        elif node.value not in _INT32:
            place.report(node, f"must be between {_INT32.start} and {_INT32.stop - 1}")
        else:
            return node.value
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": _INT32.start, "maximum": _INT32.stop - 1}


class Number(Kind):
    """A number, kept as a double."""

    def read(self, node: Node, place: Place) -> float | None:
        if not isinstance(node.value, int | float) or isinstance(node.value, bool):
            place.report(node, "must be a number" + _but(node))
            return None
        try:
            number = float(node.value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            place.report(node, "is too large for a number of 64 bits")
            return None
        return number

    def write(self, value: float) -> int | float:
        is_minus_zero = value == 0 and math.copysign(1, value) < 0
        is_whole = value.is_integer() and abs(value) < _EXACT_IN_DOUBLE
        return int(value) if is_whole and not is_minus_zero else value

    def schema(self) -> dict[str, Any]:
        return {"type": "number"}


class Boolean(Kind):
    """``true`` or ``false``."""

    def read(self, node: Node, place: Place) -> bool | None:
        if isinstance(node.value, bool):
            return node.value
        place.report(node, "must be true or false" + _but(node))
        return None

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few words, each a value of an enum."""

    what: str
    words: Mapping[str, int]

    def read(self, node: Node, place: Place) -> int | None:
        if isinstance(node.value, str) and node.value in self.words:
            return self.words[node.value]
        known = " or ".join(self.words)
        got = json.dumps(node.plain, ensure_ascii=False)
        place.report(node, f"{got} is no {self.what}: use {known}")
        return None

    def write(self, value: int) -> str:
        for word, number in self.words.items():
            if number == value:
                return word
        raise ValueError(f"{value} is no {self.what} that this version knows")

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.words)}


@dataclass(frozen=True)
class TimeSpan(Kind):
    """A duration such as ``90s``, ``1h30m`` or ``250ms``."""

    instead: str | None = "1s"
    """What takes the place of an unreadable one."""

    def read(self, node: Node, place: Place) -> Duration | None:
        if isinstance(node.value, str):
            try:
                return parse_duration(node.value)
            except ValueError as error:
                place.report(node, str(error))
        elif isinstance(node.value, int | float) and not isinstance(node.value, bool):
            number = json.dumps(node.value)
            other = (
                f", or {number}ns for nanoseconds, which files of other tools may hold"
                if isinstance(node.value, int)
                else ""
            )
            place.report(node, f"a duration needs a unit: write {number}s for seconds{other}")
        else:
            place.report(node, f"must be a duration like 90s, 1h30m or 250ms, not {node.kind}")
        return parse_duration(self.instead) if self.instead else None

    def write(self, value: Duration) -> str:
        return format_duration(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": DURATION_PATTERN}


@dataclass(frozen=True)
class Json(Kind):
    """Any JSON value; the message holds its text."""

    instead: str | None = None
    """What takes the place of a value that can't be written as JSON."""
    suffix = "_json"

    def read(self, node: Node, place: Place) -> str | None:
        bad = _find_not_finite(node)
        if bad is None:
            return json.dumps(node.plain, ensure_ascii=False, separators=(",", ":"))
        place.report(bad, "holds a number that JSON can't write: it is not finite")
        return self.instead

    def write(self, value: str) -> object:
        plain: object = json.loads(value)
        return plain

    def schema(self) -> dict[str, Any]:
        return {}


class JsonObject(Json):
    """A mapping of JSON values by name; the message holds its text."""

    def read(self, node: Node, place: Place) -> str | None:
        if not isinstance(node.value, dict):
            place.report(node, f"must be a mapping, not {node.kind}")
            return None
        return super().read(node, place)

    def schema(self) -> dict[str, Any]:
        return {"type": "object"}


def _but(node: Node) -> str:
    """What was found instead; nothing where that would only repeat what is asked for."""
    return "" if isinstance(node.value, int | float) else f", not {node.kind}"


def _is_finite(node: Node) -> bool:
    return not isinstance(node.value, float) or math.isfinite(node.value)


def _find_not_finite(node: Node) -> Node | None:
    """The first number in the tree that JSON can't write."""
    if not _is_finite(node):
        return node
    children: list[Node] = []
    if isinstance(node.value, dict):
        children = list(node.value.values())
    elif isinstance(node.value, list):
        children = node.value
    return next((bad for child in children if (bad := _find_not_finite(child))), None)
