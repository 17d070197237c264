"""One watcher's way through the statuses of executions: how they stand, then what changes."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable
from typing import Final, NamedTuple

from branchline.server.matching import matches
from branchline.server.reading import guarded
from branchline.server.status_feed import StatusFeed
from branchline.server.storage import (
    ExecutionFilter,
    ExecutionIdentity,
    StatusEntry,
    StatusPage,
    Store,
)

_PAGE: Final = 500
"""How many present statuses are read at once."""

_MOST_UNTOLD: Final = 1_000
"""So many positions on, a watcher is told where it is, also when there is no change for it."""

_QUIET: Final = 10.0
"""So many seconds after it was told the last time, too."""


class ToldStatus(NamedTuple):
    """How an execution stands."""

    execution: ExecutionIdentity
    status: int
    time: int | None
    """When the change was stored; None for a present status."""


class StatusNews(NamedTuple):
    """What a watcher is told next."""

    statuses: list[ToldStatus]
    position: int
    """Where to go on from afterwards; 0 for as long as one can only begin anew."""


async def watch_statuses(
    store: Store,
    feed: StatusFeed,
    wanted: ExecutionFilter,
    after: int,
    quiet: float = _QUIET,
) -> AsyncIterator[StatusNews]:
    """Every change that passes a filter after a position, in order; it does not end (12.3).

    From position 0 on the present statuses come first, newest executions first. Each execution
    is told as it stood at one moment, and then every change of it since that moment.

    Raises ``ServiceError`` for a position that lies ahead, or after which changes are no longer
    kept; also later, when the reader has fallen so far behind.
    """
    with feed.watching():
        position = after
        if not position:
            async for news in _present(store, feed, wanted):
                position = news.position
                yield news
        async for news in _changes(feed, wanted, position, quiet):
            yield news


async def _changes(
    feed: StatusFeed, wanted: ExecutionFilter, position: int, quiet: float
) -> AsyncIterator[StatusNews]:
    clock = asyncio.get_running_loop().time
    told, told_at = position, clock()
    while True:
        patience = None if position == told else told_at + quiet - clock()
        entries = await feed.after(position, patience)
        changes = [change for entry in entries for change in _passing(entry, wanted)]
        if entries:
            position = entries[-1].position
        if changes or position - told >= _MOST_UNTOLD or clock() - told_at >= quiet:
            yield StatusNews(changes, position)
            told, told_at = position, clock()


async def _present(
    store: Store, feed: StatusFeed, wanted: ExecutionFilter
) -> AsyncIterator[StatusNews]:
    """How executions stand, and what has happened while that was told; the last has a position."""
    pages = _Pages()
    while not pages.complete:
        page = await guarded(
            store.present_statuses(wanted, before_key=pages.before_key, limit=_PAGE)
        )
        pages.add(page)
        if page.statuses:
            yield StatusNews([ToldStatus(*status, None) for status in page.statuses], 0)
    position = pages.first_head
    while position < pages.last_head:
        entries = [
            entry for entry in await feed.after(position) if entry.position <= pages.last_head
        ]
        position = entries[-1].position
        changes = [change for entry in entries for change in pages.untold(entry, wanted)]
        if changes:
            yield StatusNews(changes, 0)
    yield StatusNews([], position)


class _Pages:
    """Remembers of each page of present statuses when it was read."""

    def __init__(self) -> None:
        self.complete = False
        self._heads: list[int] = []
        self._last_keys: list[int] = []
        """The key that each page ends with, negated so that they ascend."""

    @property
    def before_key(self) -> int | None:
        """The key before which the next page begins."""
        return -self._last_keys[-1] if self._last_keys else None

    @property
    def first_head(self) -> int:
        """As of which position the first page was read."""
        return self._heads[0]

    @property
    def last_head(self) -> int:
        """As of which position the last page was read."""
        return self._heads[-1]

    def add(self, page: StatusPage) -> None:
        """Remember a page."""
        self.complete = len(page.statuses) < _PAGE
        self._heads.append(page.head)
        self._last_keys.append(0 if self.complete else -page.statuses[-1].execution.key)

    def untold(self, entry: StatusEntry, wanted: ExecutionFilter) -> Iterable[ToldStatus]:
        """The changes of an entry that the pages do not contain."""
        return (
            change
            for change in _passing(entry, wanted)
            if entry.position > self._heads[bisect_left(self._last_keys, -change.execution.key)]
        )


def _passing(entry: StatusEntry, wanted: ExecutionFilter) -> Iterable[ToldStatus]:
    return (
        ToldStatus(execution, status, entry.time)
        for execution, status in entry.changes
        if matches(wanted, execution, status)
    )
