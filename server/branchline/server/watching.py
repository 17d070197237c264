"""One watcher's way through a history: read after a cursor, hand over, wait, repeat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from branchline.engine.events import (
    Event,
    ExecutionCanceled,
    ExecutionCompleted,
    ExecutionFailed,
)
from branchline.server.errors import Reason, ServiceError
from branchline.server.subscriptions import Chunk, ProgressNote, Watcher

NumberedEvent = tuple[int, int, Event]
"""An event with its sequence number and its time."""

ReadHistory = Callable[[int, int], Awaitable[list[NumberedEvent]]]
"""Reads a stretch of an execution's history after a number; nothing at its end."""


class News(NamedTuple):
    """What a watcher is told next."""

    events: list[NumberedEvent]
    progress: list[ProgressNote]


async def follow(key: int, after: int, watcher: Watcher, read: ReadHistory) -> AsyncIterator[News]:
    """Events after a number, in order, without gaps or repeats, until the execution ends.

    Raises ``ServiceError`` when the history has not reached the number.
    """
    ended = after > 0 and await _ends_with(key, after, read)
    stirred = False
    while True:
        before = after
        while stored := await read(key, after):
            after = stored[-1][0]
            ended = _is_end(stored[-1][2])
            yield News(stored, [])
        if ended:
            return
        if stirred and after == before:
            # Another server may have removed all of it without a word.
            await _ends_with(key, after, read)
        stirred = True
        async for news in _live(after, watcher):
            if news.events:
                after = news.events[-1][0]
                ended = _is_end(news.events[-1][2])
            yield news
            if ended:
                break


async def _ends_with(key: int, number: int, read: ReadHistory) -> bool:
    """Whether the event of a number, 0 for any, is the history's last for good."""
    stored = await read(key, max(number - 1, 0))
    if not stored:
        message = f"the history has no event {number} yet"
        raise ServiceError(Reason.SEQUENCE_OUT_OF_RANGE, message)
    return _is_end(stored[0][2])


async def _live(after: int, watcher: Watcher) -> AsyncIterator[News]:
    """Live events for as long as they follow on each other."""
    while True:
        await watcher.changed()
        chunks, progress, behind = watcher.take()
        events: list[NumberedEvent] = []
        for chunk in chunks:
            behind = behind or chunk.first_sequence > after + 1
            if not behind and chunk.last_sequence > after:
                events += _numbered(chunk, after)
                after = chunk.last_sequence
        if events or progress:
            yield News(events, progress)
        if behind:
            return


def _numbered(chunk: Chunk, after: int) -> list[NumberedEvent]:
    numbered = enumerate(chunk.events, start=chunk.first_sequence)
    return [(number, chunk.time, event) for number, event in numbered if number > after]


def _is_end(event: Event) -> bool:
    return isinstance(event, ExecutionCompleted | ExecutionFailed | ExecutionCanceled)
