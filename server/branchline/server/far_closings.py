"""Finds out which of the executions that somebody waits for another server has closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import islice
from typing import Final

from branchline.server.closings import Closings
from branchline.server.storage import Store, StoreError

_MOST_A_READ: Final = 1_000

AGAIN: Final = 1.0
"""Seconds after which what could not be read is read again."""


class FarClosings:
    """Looks at the executions that have changed elsewhere, many at a time."""

    def __init__(self, store: Store, closings: Closings) -> None:
        self._store = store
        self._closings = closings
        self._changed: set[str] = set()
        self._wanted = asyncio.Event()

    def look(self, ids: Iterable[str]) -> None:
        """Look soon at those of these that somebody waits for."""
        self._changed.update(filter(self._closings.is_awaited, ids))
        if self._changed:
            self._wanted.set()

    async def run(self) -> None:
        """Tell of what has closed until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._look()

    async def _look(self) -> None:
        while self._changed:
            ids = list(islice(self._changed, _MOST_A_READ))
            self._changed.difference_update(ids)
            try:
                statuses = await self._store.statuses_by_id(ids)
            except StoreError:
                self._changed.update(ids)
                await asyncio.sleep(AGAIN)
            else:
                self._closings.publish_found(ids, statuses)
