"""Waits for any number of executions to close, for one caller."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final, NamedTuple

from branchline.server.closings import ClosingWatch
from branchline.server.errors import ServiceError, invalid_field
from branchline.server.reading import guarded
from branchline.server.runtime import Runtime
from branchline.server.statuses import is_closed
from branchline.server.storage import ExecutionRow, Store

MOST_AWAITED: Final = 100_000
"""How many executions one caller may wait for at once."""

_ROWS_A_READ: Final = 8
"""Few, because each may have large outputs."""


class Closed(NamedTuple):
    """What there is to tell."""

    rows: Sequence[ExecutionRow]
    unknown: Sequence[str] = ()


class Awaiting:
    """The executions that a caller waits for. Methods raise ``ServiceError``."""

    def __init__(self, store: Store, runtime: Runtime, watch: ClosingWatch) -> None:
        self._store = store
        self._runtime = runtime
        self._watch = watch
        self._finished = False

    async def add(self, ids: Iterable[str]) -> None:
        """Wait for these as well; the ones that have closed before are told at once."""
        new = [each for each in dict.fromkeys(ids) if each not in self._watch.awaited]
        if self._watch.untold + len(new) > MOST_AWAITED:
            message = f"may name at most {MOST_AWAITED} executions that have no answer yet"
            raise invalid_field("execution_ids", f"{message}: open another stream for more")
        self._watch.add(new)
        unsure = [each for each in new if not self._runtime.has_live(each)]
        if len(unsure) <= _ROWS_A_READ:
            await self._look(unsure)
            return
        statuses = await guarded(self._store.statuses_by_id(unsure))
        for execution_id in unsure:
            self._watch.look(execution_id, statuses.get(execution_id))

    def forget(self, ids: Iterable[str]) -> None:
        """Wait for these no longer."""
        self._watch.forget(self._watch.awaited.intersection(ids))

    def finish(self) -> None:
        """The caller names no more."""
        self._finished = True
        self._watch.stir()

    def fail(self, error: ServiceError) -> None:
        """The caller has named what cannot be waited for."""
        self._watch.end(error)

    async def closed(self) -> AsyncIterator[Closed]:
        """Those that have closed; it ends when there are no more and will be none."""
        while True:
            told = self._watch.take()
            if told.rows or told.unknown:
                yield Closed(told.rows, told.unknown)
            for first in range(0, len(told.unread), _ROWS_A_READ):
                # Whoever was retried meanwhile is live: it is waited for again.
                part = told.unread[first : first + _ROWS_A_READ]
                self._watch.add(part)
                yield await self._read(part)
            if self._finished and not self._watch.untold:
                return
            await self._watch.changed()

    async def _look(self, ids: Sequence[str]) -> None:
        if not ids:
            return
        found = await guarded(self._store.executions_by_id(ids))
        for row in found:
            if is_closed(row.status):
                self._watch.tell(row)
        for execution_id in {*ids}.difference(row.id for row in found):
            self._watch.lose(execution_id)

    async def _read(self, ids: Sequence[str]) -> Closed:
        found = await guarded(self._store.executions_by_id(ids))
        awaited = self._watch.awaited
        closed = [row for row in found if row.id in awaited and is_closed(row.status)]
        unknown = awaited.intersection(ids).difference(row.id for row in found)
        self._watch.forget([*unknown, *(row.id for row in closed)])
        return Closed(closed, tuple(unknown))
