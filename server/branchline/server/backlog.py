"""Tasks that wait in the database: taken up at the start, and when memory has room again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from branchline.server.dispatch import Dispatcher, Offer, TaskKey
from branchline.server.storage import Store, StoreError, TaskRow
from branchline.server.tasks import pending_task

log = structlog.get_logger(__name__)

_PAGE = 1_000
_LOW = 5_000
"""With fewer tasks than this in memory more are read."""
_START = (-1, -1)
"""Before every task."""
_PAUSE = 0.2
"""Seconds between two looks."""


class Backlog:
    """Feeds the dispatcher from the database."""

    def __init__(self, store: Store, dispatcher: Dispatcher, poke: Callable[[], None]) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._poke = poke
        self._after: dict[Offer, tuple[int, int]] = {}
        """How far the pass over an offer's waiting tasks has come, while it is under way."""

    async def restore(self) -> None:
        """Take up what was leased and what waited when the server went down."""
        for row in await self._store.running_tasks():
            self._dispatcher.restore(pending_task(row), row.worker, row.schedule_deadline)
        self._dispatcher.left_out.offers |= set(await self._store.ready_offers())
        while self._unread() and self._dispatcher.ready_count < _LOW:
            await self.run_once()

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE)
            try:
                await self.run_once()
            except StoreError as error:
                log.warning("reading waiting tasks failed", error=str(error))

    async def run_once(self) -> int:
        """Read waiting tasks where they are missed. Returns how many of them were new."""
        found = 0
        for offer in sorted(self._unread(), key=self._dispatcher.lacks, reverse=True):
            if self._dispatcher.lacks(offer) or self._dispatcher.ready_count < _LOW:
                found += await self._read(offer)
        return found

    def _unread(self) -> set[Offer]:
        """The offers of which the database may have tasks that are not in memory."""
        return self._dispatcher.left_out.offers | self._after.keys()

    async def _read(self, offer: Offer) -> int:
        """Go on with the pass over an offer until something new is found, or to its end."""
        if offer not in self._after:
            self._after[offer] = _START
            # Whatever is left out while this pass reads will be found by the next.
            self._dispatcher.left_out.offers.discard(offer)
        fresh: list[TaskRow] = []
        with self._dispatcher.left_out.noting_ends() as ended:
            while not fresh:
                keys = await self._store.ready_keys(offer, self._after[offer], limit=_PAGE)
                unknown = [key for key in keys if TaskKey(*key) not in self._dispatcher.tasks]
                if unknown:
                    rows = await self._store.ready_tasks(unknown)
                    fresh = [row for row in rows if TaskKey(row.key, row.task) not in ended]
                if len(keys) < _PAGE:
                    del self._after[offer]
                    break
                self._after[offer] = keys[-1]
        for row in fresh:
            self._dispatcher.restore(pending_task(row), None, row.schedule_deadline)
        if fresh:
            self._poke()
        return len(fresh)
