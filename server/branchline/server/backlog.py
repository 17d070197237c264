"""Tasks that wait in the database: taken up at the start, and when memory has room again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from branchline.server.dispatch import Dispatcher, PendingTask, TaskKey, TaskPayload
from branchline.server.storage import Store, StoreError, TaskRow

log = structlog.get_logger(__name__)

_PAGE = 1_000
_LOW = 5_000
"""With fewer tasks than this in memory more are read."""
_PAUSE = 0.2
"""Seconds between two looks."""

_decode_payload = msgspec.json.Decoder(TaskPayload).decode


class Backlog:
    """Feeds the dispatcher from the database."""

    def __init__(self, store: Store, dispatcher: Dispatcher, poke: Callable[[], None]) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._poke = poke
        self._after = (-1, -1)

    async def restore(self) -> None:
        """Take up what was leased and what waited when the server went down."""
        for row in await self._store.leased_tasks():
            self._dispatcher.restore(_pending(row), row.worker, row.schedule_deadline)
        self._dispatcher.backlog = True
        while self._dispatcher.backlog and self._dispatcher.ready_count < _LOW:
            await self.run_once()

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE)
            scarce = self._dispatcher.ready_count < _LOW or self._dispatcher.starving
            if self._dispatcher.backlog and scarce:
                try:
                    await self.run_once()
                except StoreError as error:
                    log.warning("reading waiting tasks failed", error=str(error))

    async def run_once(self) -> int:
        """Read a page of waiting tasks. Returns how many of them were new."""
        if self._after == (-1, -1):
            # Whatever is left out while this pass reads will be found by the next.
            self._dispatcher.backlog = False
        rows = await self._store.ready_tasks(self._after, limit=_PAGE)
        fresh = [row for row in rows if TaskKey(row.key, row.task) not in self._dispatcher.tasks]
        for row in fresh:
            self._dispatcher.restore(_pending(row), None, row.schedule_deadline)
        if len(rows) == _PAGE:
            self._after = (rows[-1].key, rows[-1].task)
            self._dispatcher.backlog = True
        else:
            self._after = (-1, -1)
        if fresh:
            self._poke()
        return len(fresh)


def _pending(row: TaskRow) -> PendingTask:
    task = PendingTask(
        TaskKey(row.key, row.task),
        (row.queue, row.activity),
        _decode_payload(row.payload),
        timeout=row.attempt_timeout,
        heartbeat_timeout=row.heartbeat_timeout,
    )
    task.delivery = row.delivery
    task.losses = row.losses
    task.started_at = row.started_at
    return task
