"""Reads YAML text into a tree that knows its lines.

The tree is built from the parser's events, without recursion: however deep a text nests and
however often it repeats an alias, the bounds are met before the memory is spent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml

from branchline.client.definitions import _scalars as scalars
from branchline.client.definitions._nodes import MAX_DEPTH, MAX_SIZE, Node, Scalar, whole_text
from branchline.client.definitions._problems import DefinitionFileError

_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = {None, "!", _TAG + "str"}
_COLLECTION_TAGS = {None, "!", _TAG + "map", _TAG + "seq"}
# The same parser written in C, where the installation has it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str) -> Node:
    """The tree of the one document in a YAML text.

    Raises:
        DefinitionFileError: the text is no YAML, holds no document or several, uses a key twice,
            a tag or a merge key, or exceeds the bounds.

    """
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = "; ".join(part for part in (error.context, error.problem) if part)
        raise _error(f"not YAML: {problem}", mark) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"not YAML: the character U+{int(error.character):04X} is not allowed"
        raise DefinitionFileError(problem, line=line, column=1) from None
    except UnicodeEncodeError:
        raise DefinitionFileError("half of a surrogate pair stands alone in the text") from None
    if builder.root is None:
        raise DefinitionFileError("the file is empty")
    return builder.root


class _Mark(Protocol):
    line: int
    column: int


def _error(problem: str, mark: _Mark | None) -> DefinitionFileError:
    if mark is None:
        return DefinitionFileError(problem)
    return DefinitionFileError(problem, line=mark.line + 1, column=mark.column + 1)


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been seen yet."""

    start: yaml.CollectionStartEvent
    value: list[Node] | dict[str, Node]
    key: str | None = None
    key_line: int = 0
    size: int = 1
    height: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    node: Node
    size: int
    height: int


@dataclass(slots=True)
class _Builder:
    """Puts the parser's events together."""

    root: Node | None = None
    documents: int = 0
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, _Anchored] = field(default_factory=dict)

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise _error("a second document begins: a file holds one", event.start_mark)
            case yaml.ScalarEvent():
                _check_tag(event, _SCALAR_TAGS)
                self._scalar(event)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                _check_tag(event, _COLLECTION_TAGS)
                self._begin(event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._end()
            case yaml.AliasEvent():
                self._alias(event)
            case _:
                pass

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        if self._wants_key():
            raise _error("a key must be text, not a list or mapping", event.start_mark)
        self._check_depth(event, 1)
        self.stack.append(_Open(event, {} if isinstance(event, yaml.MappingStartEvent) else []))

    def _end(self) -> None:
        done = self.stack.pop()
        node = Node(done.value, _line(done.start))
        self._add(done.start, node, done.size, done.height)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        if self._wants_key():
            self._take_key(event)
            return
        node = Node(_scalar(event), _line(event))
        self._add(event, node, 1 + len(event.value), 0)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if self._wants_key():
            raise _error("a key must be text, not an alias", event.start_mark)
        found = self.anchors.get(event.anchor or "")
        if found is None:
            raise _error(f"nothing before has the anchor {event.anchor!r}", event.start_mark)
        self._check_depth(event, found.height)
        node = found.node.at(_line(event))
        self._add(event, node, found.size, found.height)

    def _add(self, event: yaml.NodeEvent, node: Node, size: int, height: int) -> None:
        """Puts a complete value where it belongs; the sizes of aliases count in full."""
        if size > MAX_SIZE:
            raise _error(f"larger than {MAX_SIZE} characters", event.start_mark)
        if event.anchor is not None and not isinstance(event, yaml.AliasEvent):
            self.anchors[event.anchor] = _Anchored(node, size, height)
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        parent.size += size
        parent.height = max(parent.height, height + 1)
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif parent.key is not None:
            parent.value[parent.key] = node.at(parent.key_line)
            parent.key = None

    def _wants_key(self) -> bool:
        if not self.stack:
            return False
        parent = self.stack[-1]
        return parent.key is None and isinstance(parent.value, dict)

    def _take_key(self, event: yaml.ScalarEvent) -> None:
        """A key is text as it is written: JSON objects have no other keys."""
        plain = event.implicit[0]
        if plain and scalars.NULL.fullmatch(event.value):
            raise _error("a key must be text", event.start_mark)
        if plain and event.value == "<<":
            raise _error("merge keys are not supported: write the fields out", event.start_mark)
        parent = self.stack[-1]
        if event.value in parent.value:
            raise _error(f"the key {event.value!r} is there twice", event.start_mark)
        parent.key = _whole_text(event)
        parent.key_line = _line(event)
        parent.size += len(event.value)

    def _check_depth(self, event: yaml.Event, height: int) -> None:
        if len(self.stack) + height > MAX_DEPTH:
            raise _error(f"nests deeper than {MAX_DEPTH} levels", event.start_mark)


def _line(event: yaml.Event) -> int:
    return 0 if event.start_mark is None else event.start_mark.line + 1


def _check_tag(event: yaml.ScalarEvent | yaml.CollectionStartEvent, known: set[str | None]) -> None:
    if event.tag not in known:
        raise _error(f"the tag {event.tag!r} has no meaning here", event.start_mark)


def _scalar(event: yaml.ScalarEvent) -> Scalar:
    if not event.implicit[0]:
        return _whole_text(event)
    try:
        return scalars.scalar_of(event.value)
    except ValueError as error:
        raise _error(f"unreadable number: {error}", event.start_mark) from None


def _whole_text(event: yaml.ScalarEvent) -> str:
    try:
        return whole_text(event.value)
    except DefinitionFileError as error:
        raise _error(error.problem, event.start_mark) from None
