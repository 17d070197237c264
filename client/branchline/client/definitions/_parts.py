"""Fields that hold fields: lists, mappings and the parts of a definition."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

from google.protobuf.message import Message

from branchline.client.definitions._kinds import Kind, Place, Text
from branchline.client.definitions._nodes import Node


@dataclass(frozen=True)
class Field:
    """A field of a part."""

    name: str
    """Its key in the file."""
    kind: Kind
    about: str
    """What it means, for the JSON Schema."""
    _: KW_ONLY
    required: bool = False
    """Whether a sound definition has it."""
    keeps_null: bool = False
    """Whether null is a value of it; else null counts as left out."""
    maps_to: str = ""
    """The message's field; left out: the same name."""

    @property
    def attribute(self) -> str:
        """The name of the message's field."""
        return (self.maps_to or self.name) + self.kind.suffix


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A part of a definition: a mapping in the file, a message in the API."""

    title: str
    about: str
    message: Callable[..., Message]
    fields: tuple[Field, ...]
    """In the order in which they are written."""
    vital: str = ""
    """The field without which the part is dropped when it can't be read."""
    kinds: tuple[str, ...] = ()
    """Fields of which a sound definition has exactly one."""


@dataclass(frozen=True)
class Part(Kind):
    """A part of a definition."""

    spec: Spec
    instead: Callable[[], Message] | None = None
    """What takes the place of a value that is no mapping; left out: nothing."""

    def read(self, node: Node, place: Place) -> Message | None:
        if not isinstance(node.value, dict):
            place.report(node, f"must be a mapping, not {node.kind}")
            return self.instead() if self.instead else None
        fields = {field.name: field for field in self.spec.fields}
        values: dict[str, object] = {}
        for key, item in node.value.items():
            field = fields.get(key)
            if field is None:
                place.at(key).report(item, _unknown(key, list(fields)))
            elif item.value is not None or field.keeps_null:
                values[field.attribute] = field.kind.read(item, place.at(key))
        if self.spec.vital in values and values[self.spec.vital] is None:
            return None
        return self.spec.message(**values)

    def write(self, value: Message) -> dict[str, object]:
        present = {descriptor.name: item for descriptor, item in value.ListFields()}
        return {
            field.name: field.kind.write(present[field.attribute])
            for field in self.spec.fields
            if field.attribute in present
        }

    def schema(self) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{self.spec.title}"}

    def takes(self, node: Node) -> bool:
        names = {field.name for field in self.spec.fields}
        return isinstance(node.value, dict) and not names.isdisjoint(node.value)


@dataclass(frozen=True)
class Items(Kind):
    """A list of values of one kind; those that can't be read are dropped."""

    item: Kind
    instead: Callable[[], list[Any]] = list
    """What takes the place of a list of which nothing can be read."""

    def read(self, node: Node, place: Place) -> list[Any]:
        if isinstance(node.value, list):
            found = self._read_all(node.value, place)
            return found if found or not node.value else self.instead()
        place.report(node, f"must be a list, not {node.kind}: put it in [ ]")
        one = self.item.read(node, place) if self.item.takes(node) else None
        return self.instead() if one is None else [one]

    def _read_all(self, nodes: list[Node], place: Place) -> list[Any]:
        values = (self.item.read(node, place.item(i)) for i, node in enumerate(nodes))
        return [value for value in values if value is not None]

    def write(self, value: list[Any]) -> list[object]:
        return [self.item.write(item) for item in value]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.item.schema()}


class TextByName(Kind):
    """A mapping from text to text."""

    def read(self, node: Node, place: Place) -> dict[str, str] | None:
        if not isinstance(node.value, dict):
            place.report(node, f"must be a mapping, not {node.kind}")
            return None
        values = {key: Text().read(item, place.at(key)) for key, item in node.value.items()}
        return {key: value for key, value in values.items() if value is not None}

    def write(self, value: dict[str, str]) -> dict[str, str]:
        return {key: value[key] for key in sorted(value)}

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": Text().schema()}


def _unknown(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"unknown field; did you mean {close[0]!r}?"
    return f"unknown field; known are {', '.join(known)}"
