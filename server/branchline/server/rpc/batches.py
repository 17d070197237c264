"""Groups what is streamed into messages of a bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import Message

_MOST_BYTES = 1024 * 1024
"""About how many bytes a message has, unless a single part of it has more."""

Part = TypeVar("Part", bound=Message)


def in_messages(parts: Iterable[Part], most: int) -> Iterator[list[Part]]:
    """Groups of at most so many parts, in order."""
    group: list[Part] = []
    size = 0
    for part in parts:
        if group and (len(group) >= most or size >= _MOST_BYTES):
            yield group
            group, size = [], 0
        group.append(part)
        size += part.ByteSize()
    if group:
        yield group
