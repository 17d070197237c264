"""What stands for something real in a random message, until it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from google.protobuf.message import Message

M = TypeVar("M", bound=Message)


class Placeholder(StrEnum):
    """A text that is replaced when it is sent, so that examples stay small and can be repeated."""

    LIVE = "<live>"
    """An execution with a task that is with a worker."""
    LISTENING = "<listening>"
    """An execution that waits for a signal."""
    CLOSED = "<closed>"
    FAILED = "<failed>"
    TOKEN = "<token>"
    """A task that is with a worker."""
    STALE = "<stale>"
    """A task that has an outcome."""
    PAGE = "<page>"
    """A page of all executions."""
    HUGE = "<huge>"
    HUGER = "<huger>"
    DEEP = "<deep>"
    DEEPEST = "<deepest>"
    LONG_DOCUMENT = "<long document>"


FIXED: Mapping[str, str] = {
    Placeholder.HUGE: "€" * 30_000,
    Placeholder.HUGER: "x" * 5_000_000,
    Placeholder.DEEP: '{"a":' * 299 + "1" + "}" * 299,
    Placeholder.DEEPEST: "[" * 20_000 + "]" * 20_000,
    Placeholder.LONG_DOCUMENT: '{"a":"' + "x" * 4_300_000 + '"}',
}
"""Those that are the same for every example."""


def filled(message: M, real: Mapping[str, str]) -> M:
    """A copy of a message with what its placeholders stand for."""
    copy = type(message)()
    copy.CopyFrom(message)
    _fill(copy, real)
    return copy


def _fill(message: Message, real: Mapping[str, str]) -> None:
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            texts = dict(value)
            value.clear()
            value.update({real.get(k, k): real.get(v, v) for k, v in texts.items()})
        elif field.message_type is not None:
            for inner in value if field.is_repeated else [value]:
                _fill(inner, real)
        elif field.type == field.TYPE_STRING and field.is_repeated:
            value[:] = [real.get(text, text) for text in value]
        elif field.type == field.TYPE_STRING:
            setattr(message, field.name, real.get(value, value))
