"""The tree that a definition file is read into: JSON values that know their lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from branchline.client.definitions._problems import DefinitionFileError

MAX_SIZE = 4 * 1024 * 1024
"""The longest text of a definition, in characters; aliases count as if they were written out."""

MAX_DEPTH = 100
"""How deep lists and mappings may nest."""

type_names = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
    type(None): "nothing",
}

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Node:
    """A JSON value with the line that it is told by."""

    value: Scalar | list[Node] | dict[str, Node]
    line: int = 0
    """From 1; of a mapping's value it is the line of its key. 0: the source has no lines."""

    @property
    def kind(self) -> str:
        """What the value is, for messages."""
        return type_names[type(self.value)]

    @property
    def plain(self) -> object:
        """The value without lines."""
        if isinstance(self.value, dict):
            return {key: node.plain for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain for node in self.value]
        return self.value

    def at(self, line: int) -> Node:
        """The same value, told by another line."""
        return Node(self.value, line)


def node_of(value: object, depth: int = 0) -> Node:
    """The tree of a value that was parsed elsewhere; it has no lines.

    Raises:
        DefinitionFileError: the value is no JSON document, or nests too deep.

    """
    if depth == MAX_DEPTH and isinstance(value, Mapping | list | tuple):
        raise DefinitionFileError(f"nests deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        return Node({checked_key(key): node_of(item, depth + 1) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return Node([node_of(item, depth + 1) for item in value])
    if isinstance(value, str):
        return Node(whole_text(value))
    if value is None or isinstance(value, bool | int | float):
        return Node(value)
    raise DefinitionFileError(f"a {type(value).__name__} is no JSON value: {value!r}")


def checked_key(key: object) -> str:
    """The key of a JSON object.

    Raises:
        DefinitionFileError: it is not text.

    """
    if not isinstance(key, str):
        raise DefinitionFileError(f"the key {key!r} is not text: put it in quotes")
    return whole_text(key)


def whole_text(text: str) -> str:
    """The text, with escaped surrogate pairs put together.

    Raises:
        DefinitionFileError: half of a pair stands alone.

    """
    if text.isascii():
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise DefinitionFileError("half of a surrogate pair stands alone in a text") from None
