"""Many requests in messages of a bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from google.protobuf.message import Message

_MOST_REQUESTS: Final = 1_000
_MOST_BYTES: Final = 8 * 1024 * 1024


def portions(numbers: Iterable[int], requests: Sequence[Message]) -> Iterator[list[int]]:
    """The numbers of requests, in groups that fit in one message each."""
    portion: list[int] = []
    size = 0
    for number in numbers:
        more = requests[number].ByteSize()
        full = len(portion) == _MOST_REQUESTS or size + more > _MOST_BYTES
        if portion and full:
            yield portion
            portion, size = [], 0
        portion.append(number)
        size += more
    if portion:
        yield portion
