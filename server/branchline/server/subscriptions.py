"""Tells watchers what happens to executions, without keeping anything for the slow.

The database is the buffer. A watcher that keeps up is handed live events; one that does not
loses them from memory and reads them from the history.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from branchline.engine.events import Event
from branchline.server.errors import ServiceError, execution_not_found, shutting_down

_MOST_KEPT = 256
"""How many chunks, and as many progress notes, a watcher may be behind in memory."""

_MOST_BYTES = 4 * 1024 * 1024
"""How many bytes of chunks, the newest aside."""

_MOST_PROGRESS_BYTES = 1024 * 1024
"""How many bytes of progress notes, the newest aside."""


class Chunk(NamedTuple):
    """The events of one transition."""

    first_sequence: int
    time: int
    events: Sequence[Event]
    size: int = 0
    """How many bytes they take in the history."""

    @property
    def last_sequence(self) -> int:
        """The number of the last event."""
        return self.first_sequence + len(self.events) - 1


class ProgressNote(NamedTuple):
    """What a running activity last said of itself (semantics 7.6)."""

    branch: str
    step: str
    activity: str
    item: int | None
    attempt: int
    message: str
    data: msgspec.Raw
    time: int

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return len(self.message) + memoryview(self.data).nbytes


class Watcher:
    """One subscription to one execution."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.progress: deque[ProgressNote] = deque()
        self._size = 0
        self._progress_size = 0
        self.behind = False
        """Whether chunks were dropped: the history has them."""
        self.error: ServiceError | None = None
        """Why there will be nothing more."""
        self._changed = asyncio.Event()

    def add_chunk(self, chunk: Chunk) -> None:
        """Hand events over."""
        if len(self.chunks) >= _MOST_KEPT or self._size + chunk.size > _MOST_BYTES:
            self.chunks.clear()
            self._size = 0
            self.behind = True
        self.chunks.append(chunk)
        self._size += chunk.size
        self._changed.set()

    def add_progress(self, note: ProgressNote) -> None:
        """Hand a note over; the oldest give way."""
        room = _MOST_PROGRESS_BYTES - note.size
        while self.progress and (len(self.progress) >= _MOST_KEPT or self._progress_size > room):
            self._progress_size -= self.progress.popleft().size
        self.progress.append(note)
        self._progress_size += note.size
        self._changed.set()

    def look(self) -> None:
        """There is more in the history."""
        self.behind = True
        self._changed.set()

    def end(self, error: ServiceError) -> None:
        """There will be nothing more."""
        self.error = error
        self._changed.set()

    async def changed(self) -> None:
        """Wait until there is something new. Raises ``ServiceError`` when there never will be."""
        await self._changed.wait()
        self._changed.clear()
        if self.error is not None:
            raise self.error

    def take(self) -> tuple[list[Chunk], list[ProgressNote], bool]:
        """All that is new, and whether something is missing before it."""
        taken = self.chunks, list(self.progress), self.behind
        self.chunks, self.behind, self._size = [], False, 0
        self.progress.clear()
        self._progress_size = 0
        return taken


class Subscriptions:
    """Who watches which execution."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[Watcher]] = {}
        self._closed = False

    @contextmanager
    def watch(self, execution_id: str) -> Iterator[Watcher]:
        """Watch an execution while the context lasts. Raises ``ServiceError`` when closed."""
        self._refuse_when_closed()
        watcher = Watcher()
        self._watchers.setdefault(execution_id, set()).add(watcher)
        try:
            yield watcher
        finally:
            watchers = self._watchers[execution_id]
            watchers.discard(watcher)
            if not watchers:
                del self._watchers[execution_id]

    def publish(self, execution_id: str, chunk: Chunk) -> None:
        """Tell that events are stored."""
        for watcher in self._watchers.get(execution_id, ()):
            watcher.add_chunk(chunk)

    def stir(self, execution_id: str) -> None:
        """Another server has stored events: they are in the history."""
        for watcher in self._watchers.get(execution_id, ()):
            watcher.look()

    def stir_all(self) -> None:
        """Other servers may have stored events."""
        for execution_id in self._watchers:
            self.stir(execution_id)

    def publish_progress(self, execution_id: str, note: ProgressNote) -> None:
        """Tell what an activity says."""
        for watcher in self._watchers.get(execution_id, ()):
            watcher.add_progress(note)

    def publish_deletion(self, execution_id: str) -> None:
        """Tell that an execution is gone."""
        for watcher in self._watchers.get(execution_id, ()):
            watcher.end(execution_not_found(execution_id))

    def close(self) -> None:
        """End all subscriptions and take no more: the server is going down."""
        self._closed = True
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.end(shutting_down())

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise shutting_down()
