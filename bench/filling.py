"""Fills a database with executions that have closed, or wait, as quickly as it takes them."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path
from typing import Any

import flows
from playing import Player, workflow

from branchline.engine import Plan
from branchline.engine.events import Event
from branchline.engine.values import encode
from branchline.server.catalog import Catalog
from branchline.server.clock import SystemClock
from branchline.server.histories import history_rows
from branchline.server.ids import KeyMaker, execution_id
from branchline.server.runtime import Live
from branchline.server.runtime.rows import execution_row
from branchline.server.storage import Batch, Store

_GROUP = 1_000
_LATER = 365 * 86_400 * 1_000_000
"""Those that wait do so for about a year, so that no benchmark sees them fire."""


class Pattern:
    """An execution that was played once, of which a database gets many copies."""

    def __init__(self, definition: dict[str, Any], inputs: dict[str, Any] | None = None) -> None:
        self.workflow = workflow(definition)
        events: list[Event] = []
        one = encode(1)
        plan = Plan(self.workflow, 1)
        player = Player(plan, lambda _task: one, inputs, events.extend)
        player.play()
        self._state = player.state
        self._plan = plan
        self._history = history_rows(0, player.state.sequence, player.now, events)

    def add(self, batch: Batch, keys: KeyMaker, number: int) -> None:
        """Add a copy."""
        now = time.time_ns() // 1000
        key = keys.make(now)
        live = Live(key, self._plan, self._state)
        wake_at = None if self._state.end else now + _LATER + number
        row = execution_row(live, wake_at)
        closed = now if self._state.end else None
        row = row._replace(id=execution_id(key), start_time=now, close_time=closed)
        batch.started.append(row)
        batch.history += [entry._replace(key=key, time=now) for entry in self._history]


async def fill(database: Path | str, *, closed: int = 0, waiting: int = 0) -> list[str]:
    """Put executions into a database, new or not, a file or a URL; the ids of those that wait."""
    url = database if isinstance(database, str) else f"sqlite:///{database}"
    store = await Store.open(url)
    ids: list[str] = []
    try:
        for number, definition, inputs in (
            (closed, flows.chain(), {"value": 1}),
            (waiting, flows.waiting(), None),
        ):
            pattern = Pattern(definition, inputs)
            await Catalog(store, SystemClock()).register(pattern.workflow)
            ids = await _add(store, pattern, number)
    finally:
        await store.close()
    return ids


async def _add(store: Store, pattern: Pattern, number: int) -> list[str]:
    keys, numbers, ids = KeyMaker(), count(), []
    for start in range(0, number, _GROUP):
        batch = Batch()
        for _ in range(min(_GROUP, number - start)):
            pattern.add(batch, keys, next(numbers))
        ids += [row.id for row in batch.started]
        await store.commit(batch)
    return ids
