"""JSON documents as raw text: they travel unparsed and are decoded only when looked into."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

Json = msgspec.Raw
"""The text of one JSON document."""

Variables = dict[str, Json]
"""Documents by name. The values are never mutated, so copies may share them."""

NULL = msgspec.Raw(b"null")

_decode = msgspec.json.decode
_encode = msgspec.json.encode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def encode(value: object) -> Json:
    """The document of a plain value (of strings, numbers, lists, dicts, None, and Raw within)."""
    return msgspec.Raw(_encode(value))


def encode_text(value: object) -> str:
    """The text of the document of a plain value."""
    return _encode(value).decode()


def decode(document: Json) -> Any:  # noqa: ANN401 - a JSON document may be anything
    """The plain value of a document.

    Raises ``ValueError`` when a number does not fit its Python type (1e400) or the nesting is
    too deep.
    """
    try:
        return _decode(document)
    except RecursionError as error:
        raise ValueError("the document is nested too deeply") from error


def members(document: Json) -> Variables | None:
    """The members of an object as documents, None when the document is not an object."""
    try:
        return _decode_members(document)
    except msgspec.DecodeError:
        return None


def size(document: Json) -> int:
    """The bytes of a document's text."""
    return memoryview(document).nbytes


def list_of(documents: list[Json]) -> Json:
    """The document of a list of documents."""
    return msgspec.Raw(b"[" + b",".join(map(bytes, documents)) + b"]")


class LazyObject(Mapping[str, Any]):
    """Variables seen as plain values; each is decoded when it is first looked at.

    ``on_decode`` is told the size of each document that is decoded, in bytes.
    """

    __slots__ = ("_decoded", "_documents", "_on_decode")

    def __init__(
        self, documents: Variables, on_decode: Callable[[int], None] | None = None
    ) -> None:
        self._documents = documents
        self._decoded: dict[str, Any] = {}
        self._on_decode = on_decode

    def document(self, name: str) -> Json | None:
        """The document itself, None when there is none."""
        return self._documents.get(name)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a JSON document may be anything
        try:
            return self._decoded[name]
        except KeyError:
            document = self._documents[name]
            if self._on_decode is not None:
                self._on_decode(size(document))
            value = self._decoded[name] = decode(document)
            return value

    def __contains__(self, name: object) -> bool:
        return name in self._documents

    def __iter__(self) -> Iterator[str]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)


class WithItem(LazyObject):
    """Variables with one more on top, which hides another of its name (semantics 9.2)."""

    __slots__ = ("_below",)

    def __init__(self, below: LazyObject, name: str, item: Json) -> None:
        super().__init__({name: item})
        self._below = below

    def document(self, name: str) -> Json | None:
        """The document itself, None when there is none."""
        return self._documents.get(name) or self._below.document(name)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a JSON document may be anything
        return super().__getitem__(name) if name in self._documents else self._below[name]

    def __contains__(self, name: object) -> bool:
        return name in self._documents or name in self._below

    def __iter__(self) -> Iterator[str]:
        yield from self._documents
        yield from (name for name in self._below if name not in self._documents)

    def __len__(self) -> int:
        return sum(1 for _ in self)
