"""Removes changes of status that nobody can go on from any more."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from branchline.server.clock import Clock
from branchline.server.storage import Store, StoreError

log = structlog.get_logger(__name__)

_BATCH: Final = 500
"""How many rows are removed at once, so that commits need not wait for long."""

_PAUSE: Final = 60.0
"""Seconds between two looks."""


class StatusRetention:
    """Keeps the changes of the last while."""

    def __init__(self, store: Store, clock: Clock, kept: float) -> None:
        """Keep them for ``kept`` seconds."""
        self._store = store
        self._clock = clock
        self._kept = round(kept * 1e6)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            try:
                await self.run_once()
            except StoreError as error:
                log.warning("removing old changes of status failed", error=str(error))
            await asyncio.sleep(_PAUSE)

    async def run_once(self) -> int:
        """Remove what is older. Returns how many rows that were."""
        before = self._clock.now() - self._kept
        removed = 0
        while batch := await self._store.remove_status_changes(before, _BATCH):
            removed += batch
        return removed
