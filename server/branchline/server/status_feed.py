"""The changes of status of all executions, read once for all who watch them (semantics 12.3).

The database is the buffer: whoever keeps up is served from the last changes in memory, and
whoever does not reads from the database at its own pace. While nobody watches nothing is read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from branchline.server.errors import Reason, ServiceError, shutting_down
from branchline.server.reading import guarded
from branchline.server.storage import StatusEntry, StatusStretch, Store

_MOST_ENTRIES: Final = 1_000
"""How many entries one read gives, unless they are large."""

_MOST_TEXT: Final = 24 * 1024
"""From how many characters of stored changes on a read ends: 1,000 to 4,000 changes."""

_MOST_RECENT: Final = 10_000
"""How many changes stay in memory, the newest entry aside."""

_PAUSE_PER_WATCHER: Final = 100e-6
"""Seconds between two wake-ups for each watcher, so that many of them leave time for work."""

_NONE: Final = -1


class StatusFeed:
    """Gives the changes after any position, and waits for more."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._recent: deque[StatusEntry] = deque()
        self._recent_changes = 0
        self._start = 0
        """The position before the recent entries."""
        self._end = 0
        """The last position that was read; 0 when nothing was."""
        self._commits = 0
        """How many commits have been told of."""
        self._commits_read = _NONE
        """How many of them had been told of when the last read began."""
        self._reading = asyncio.Lock()
        self._grown = asyncio.Event()
        self._wake: asyncio.TimerHandle | None = None
        self._wake_from = 0.0
        self._watchers = 0
        self._closed = False
        store.on_status_changes.append(self._note)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count a watcher while the context lasts."""
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._forget()

    async def after(self, position: int, patience: float | None = None) -> list[StatusEntry]:
        """The next entries after a position, in order; waits until there is one.

        It gives none when it has waited for ``patience`` seconds. Raises ``ServiceError`` for a
        position that lies ahead, or after which entries were removed, and when the server is
        going down.
        """
        while True:
            grown = self._grown
            entries = await self._entries(position)
            if entries:
                return entries
            try:
                async with asyncio.timeout(patience):
                    await grown.wait()
            except TimeoutError:
                return []

    def close(self) -> None:
        """Refuse all watchers, now and from now on: the server is going down."""
        self._closed = True
        if self._wake is not None:
            self._wake.cancel()
        self._tell()

    @property
    def _stale(self) -> bool:
        """Whether there may be more in the database than what was read."""
        return self._commits != self._commits_read

    async def _entries(self, position: int) -> list[StatusEntry]:
        while True:
            if self._closed:
                raise shutting_down()
            if self._start <= position < self._end:
                return self._recent_after(position)
            if position < self._start or not self._end:
                return await self._stored_after(position)
            if position == self._end and not self._stale:
                return []
            await self._catch_up(position)

    def _recent_after(self, position: int) -> list[StatusEntry]:
        found: list[StatusEntry] = []
        for entry in reversed(self._recent):
            if entry.position <= position:
                break
            found.append(entry)
        found.reverse()
        return found

    async def _stored_after(self, position: int) -> list[StatusEntry]:
        """What a watcher reads for itself, because it lags behind, or is the first."""
        stretch = await self._read(position)
        if not stretch.first <= position <= stretch.head:
            raise _out_of_range(position, stretch)
        last = stretch.entries[-1].position if stretch.entries else position
        if not self._end and self._watchers and last == stretch.head:
            self._start = self._end = position
            self._remember(stretch)
        return stretch.entries

    async def _catch_up(self, position: int) -> None:
        """Read on for all until there is something after a position, or nothing more."""
        async with self._reading:
            while self._end and position >= self._end and (self._stale or position > self._end):
                stretch = await self._read_on()
                if position > stretch.head:
                    raise _out_of_range(position, stretch)
                if stretch.first > self._end:
                    self._forget()
                elif self._end:
                    self._remember(stretch)

    async def _read_on(self) -> StatusStretch:
        commits = self._commits
        stretch = await self._read(self._end)
        last = stretch.entries[-1].position if stretch.entries else stretch.head
        self._commits_read = commits if last == stretch.head else _NONE
        return stretch

    async def _read(self, position: int) -> StatusStretch:
        return await guarded(self._store.status_changes(position, _MOST_ENTRIES, _MOST_TEXT))

    def _remember(self, stretch: StatusStretch) -> None:
        for entry in stretch.entries:
            self._recent.append(entry)
            self._recent_changes += len(entry.changes)
            self._end = entry.position
        while self._recent_changes > _MOST_RECENT and len(self._recent) > 1:
            oldest = self._recent.popleft()
            self._recent_changes -= len(oldest.changes)
            self._start = oldest.position

    def _forget(self) -> None:
        self._recent.clear()
        self._recent_changes = 0
        self._start = self._end = 0
        self._commits_read = _NONE

    def _note(self) -> None:
        """Take notice of a commit: tell the watchers, unless they were told just now."""
        self._commits += 1
        if not self._watchers or self._wake is not None:
            return
        pause = self._wake_from - _now()
        if pause > 0:
            self._wake = asyncio.get_running_loop().call_later(pause, self._tell)
        else:
            self._tell()

    def _tell(self) -> None:
        self._wake = None
        self._wake_from = _now() + self._watchers * _PAUSE_PER_WATCHER
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _out_of_range(position: int, stretch: StatusStretch) -> ServiceError:
    if position > stretch.head:
        message = f"there is no position {position} yet, the last one is {stretch.head}"
    else:
        message = (
            f"changes after position {position} are no longer kept, only those after"
            f" {stretch.first}; watch without a position"
        )
    return ServiceError(Reason.POSITION_OUT_OF_RANGE, message)
