"""Pages of SQLite cost what they show, measured in its own instructions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from branchline.server.storage import Batch, ExecutionFilter, SqliteOptions, Store, lists
from branchline.server.storage.sqlite_connection import connect, driver_connection
from tests.storage.examples import ANY, NOW, RUNNING, execution

EVERY = ExecutionFilter(statuses=ANY)
CROWD = 5_000
ACME = {"tenant": "acme"}
COSTS: dict[str, tuple[ExecutionFilter, int]] = {
    "the newest with a common label": (replace(EVERY, labels=ACME), CROWD),
    "a rare label": (replace(EVERY, labels={"order": "o-7"}), 7),
    "a rare and a common label": (replace(EVERY, labels={**ACME, "order": "o-7"}), 7),
    "two labels and a workflow": (
        replace(EVERY, labels={**ACME, "order": "o-7"}, workflow="order", statuses=[RUNNING]),
        7,
    ),
    "a child with a common label": (replace(EVERY, labels=ACME, parent="exec_7"), 8),
    "an old time": (replace(EVERY, started_before=NOW + 9, end_key=9), 8),
    "an old time and a label": (
        replace(EVERY, labels=ACME, started_before=NOW + 9, end_key=9),
        8,
    ),
}


@pytest.fixture
def url(path: Path) -> str:
    """SQLite alone."""
    return f"sqlite:///{path}"


@pytest.fixture
async def crowded(store: Store, path: Path) -> Connection:
    """A connection to a database with many executions, all of one tenant, each with a parent."""
    rows = [
        execution(key, labels={**ACME, "order": f"o-{key}"}, parent=f"exec_{key - 1}")
        for key in range(1, CROWD + 1)
    ]
    await store.commit(Batch(started=rows))
    return connect(path, SqliteOptions())


@pytest.fixture
def work(crowded: Connection) -> Iterator[Callable[[Callable[[], object]], int]]:
    """Tells how many hundreds of instructions SQLite needs for something."""
    raw = driver_connection(crowded)

    def measured(act: Callable[[], object]) -> int:
        hundreds = 0

        def count() -> int:
            nonlocal hundreds
            hundreds += 1
            return 0

        raw.set_progress_handler(count, 100)
        act()
        raw.set_progress_handler(None, 0)
        return hundreds

    yield measured
    crowded.close()


@pytest.mark.parametrize(("wanted", "newest"), COSTS.values(), ids=COSTS.keys())
async def test_a_page_costs_the_same_however_many_there_are(
    crowded: Connection,
    work: Callable[[Callable[[], object]], int],
    wanted: ExecutionFilter,
    newest: int,
) -> None:
    """To look at every execution, or at all with the common label, takes several times as much."""
    assert [row.key for row in lists.list_executions(crowded, wanted, None, 1)] == [newest]
    assert work(lambda: lists.list_executions(crowded, wanted, None, 1)) < 150
