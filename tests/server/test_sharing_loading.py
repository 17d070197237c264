"""Executions that another server changes while they are read."""

from __future__ import annotations

from branchline.server.catalog import Catalog
from branchline.server.runtime import LiveExecutions, Loader, View
from branchline.server.storage import Batch
from tests.server.clocks import HandClock
from tests.storage.examples import execution
from tests.storage.shared import Simulated


async def test_what_is_removed_while_it_is_read_is_not_there() -> None:
    """Its row was read before, its history after."""
    store = await Simulated().open()
    row = execution(1)
    await store.commit(Batch(started=[row]))
    lives = LiveExecutions(1, 1)
    loader = Loader(store, Catalog(store, HandClock()), lives)
    loaded = await loader.load([View(row.id, lambda live: live.state.id)])
    assert (loaded.rows, loaded.closed, len(lives)) == ({}, {}, 0)
    await store.close()
