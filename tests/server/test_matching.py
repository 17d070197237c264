"""A filter takes the same executions in memory as in the database."""

from __future__ import annotations

import json
import random
from pathlib import Path

from branchline.server.matching import matches
from branchline.server.statuses import ALL_STATUSES
from branchline.server.storage import (
    Batch,
    ExecutionFilter,
    ExecutionIdentity,
    ExecutionRow,
    Store,
)
from tests.server.clocks import START

_chance = random.Random(11)


def some_labels() -> dict[str, str]:
    """Labels by chance."""
    return {name: _chance.choice("xy") for name in "ab" if _chance.random() < 0.5}


def some_execution(key: int) -> ExecutionRow:
    """An execution by chance, started ``key`` microseconds after START."""
    labels = some_labels()
    return ExecutionRow(
        key,
        f"e{key}",
        _chance.choice(["order", "other"]),
        1,
        _chance.choice(ALL_STATUSES),
        START + key,
        parent=_chance.choice([None, "boss", "e1"]),
        labels=json.dumps(labels) if labels else None,
    )


def some_filter() -> ExecutionFilter:
    """A filter by chance."""
    return ExecutionFilter(
        statuses=_chance.sample(ALL_STATUSES, _chance.randint(1, 6)),
        workflow=_chance.choice([None, "order"]),
        started_after=_chance.choice([None, START + _chance.randint(0, 200)]),
        started_before=_chance.choice([None, START + _chance.randint(0, 200)]),
        parent=_chance.choice([None, None, "boss"]),
        labels=some_labels() if _chance.random() < 0.5 else {},
    )


def identity(row: ExecutionRow) -> ExecutionIdentity:
    """What a filter in memory looks at."""
    return ExecutionIdentity(
        row.key, row.id, row.workflow, row.version, row.start_time, row.parent, row.labels
    )


async def test_memory_and_database_agree(path: Path) -> None:
    store = await Store.open(f"sqlite:///{path}")
    rows = [some_execution(key) for key in range(200, 0, -1)]
    await store.commit(Batch(started=rows))
    found = 0
    for _ in range(200):
        wanted = some_filter()
        listed = [row.key for row in await store.list_executions(wanted, limit=300)]
        assert listed == [row.key for row in rows if matches(wanted, identity(row), row.status)]
        found += len(listed)
    assert found > 200
    await store.close()
