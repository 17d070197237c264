"""Tells whoever waits for executions that they have closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

from branchline.server.errors import ServiceError, shutting_down
from branchline.server.statuses import is_closed
from branchline.server.storage import ExecutionRow

_MOST_BYTES: Final = 4 * 1024 * 1024
"""How much of what has closed is kept for somebody who is slow; the database has the rest."""


class Told(NamedTuple):
    """What there is to tell of the executions that somebody waits for."""

    rows: list[ExecutionRow]
    """Those that have closed."""
    unread: list[str]
    """More of them, whose rows are in the database."""
    unknown: list[str]
    """Those that are not there (any more)."""


class ClosingWatch:
    """The executions that somebody waits for."""

    def __init__(self, waiting: dict[str, set[ClosingWatch]]) -> None:
        self._waiting = waiting
        self.awaited: set[str] = set()
        """Those that there is no word of yet."""
        self._rows: list[ExecutionRow] = []
        self._size = 0
        self._unread: list[str] = []
        self._unknown: list[str] = []
        self._error: ServiceError | None = None
        self._changed = asyncio.Event()

    @property
    def untold(self) -> int:
        """How many are waited for, or wait to be taken."""
        return len(self.awaited) + len(self._rows) + len(self._unread) + len(self._unknown)

    def add(self, ids: Iterable[str]) -> None:
        """Wait for these as well."""
        for execution_id in ids:
            self.awaited.add(execution_id)
            self._waiting.setdefault(execution_id, set()).add(self)

    def forget(self, ids: Iterable[str]) -> None:
        """Wait for these no longer."""
        for execution_id in ids:
            self.awaited.discard(execution_id)
            watches = self._waiting.get(execution_id, set())
            watches.discard(self)
            if not watches:
                self._waiting.pop(execution_id, None)

    def tell(self, row: ExecutionRow) -> None:
        """One of them has closed; it is told once."""
        size = len(row.outputs or "") + len(row.error or "")
        if self._size + size > _MOST_BYTES:
            self.tell_later(row.id)
        elif self._settle(row.id):
            self._rows.append(row)
            self._size += size

    def tell_later(self, execution_id: str) -> None:
        """One of them has closed; its row is in the database."""
        if self._settle(execution_id):
            self._unread.append(execution_id)

    def lose(self, execution_id: str) -> None:
        """One of them is not there (any more)."""
        if self._settle(execution_id):
            self._unknown.append(execution_id)

    def look(self, execution_id: str, status: int | None) -> None:
        """Take up what the database says of one of them; without a status it is not there."""
        if status is None:
            self.lose(execution_id)
        elif is_closed(status):
            self.tell_later(execution_id)

    def stir(self) -> None:
        """Have whoever waits look at what there is."""
        self._changed.set()

    def end(self, error: ServiceError) -> None:
        """There will be nothing more."""
        self._error = error
        self._changed.set()

    async def changed(self) -> None:
        """Wait until there is something new. Raises ``ServiceError`` when there never will be."""
        await self._changed.wait()
        self._changed.clear()
        if self._error is not None:
            raise self._error

    def take(self) -> Told:
        """All that there is to tell; it is told once."""
        told = Told(self._rows, self._unread, self._unknown)
        self._rows, self._unread, self._unknown, self._size = [], [], [], 0
        return told

    def _settle(self, execution_id: str) -> bool:
        if execution_id not in self.awaited:
            return False
        self.forget((execution_id,))
        self._changed.set()
        return True


class Closings:
    """Who waits for which execution to close."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[ClosingWatch]] = {}
        self._watches: set[ClosingWatch] = set()
        self._ended = False

    @contextmanager
    def watch(self) -> Iterator[ClosingWatch]:
        """Wait for executions while the context lasts. Raises ``ServiceError`` when ended."""
        if self._ended:
            raise shutting_down()
        watch = ClosingWatch(self._waiting)
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)
            watch.forget(list(watch.awaited))

    def is_awaited(self, execution_id: str) -> bool:
        """Whether somebody waits for an execution."""
        return execution_id in self._waiting

    @property
    def awaited(self) -> list[str]:
        """The executions that somebody waits for."""
        return list(self._waiting)

    def publish(self, row: ExecutionRow) -> None:
        """Tell that an execution has closed."""
        for watch in list(self._waiting.get(row.id, ())):
            watch.tell(row)

    def publish_found(self, ids: Iterable[str], statuses: Mapping[str, int]) -> None:
        """Tell what the database says of executions; who is not in it has no status."""
        for execution_id in ids:
            for watch in list(self._waiting.get(execution_id, ())):
                watch.look(execution_id, statuses.get(execution_id))

    def end(self) -> None:
        """Nobody will be told anything any more: the server is going down."""
        self._ended = True
        for watch in self._watches:
            watch.end(shutting_down())
