"""Queries cost what they give, however much is stored: none reads a whole table."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from branchline.server.storage import (
    Batch,
    ExecutionFilter,
    SqliteOptions,
    Store,
    reads,
    sqlite_commit,
    workflows,
)
from branchline.server.storage.rows import ExecutionChange, TaskKey, TaskLease
from branchline.server.storage.sqlite_connection import connect, driver_connection
from tests.storage.examples import ANY, NOW, execution, snapshot, task, transition

ALL = ExecutionFilter(statuses=ANY)
ONE_WORKFLOW = ExecutionFilter(statuses=ANY, workflow="order")
QUERIES: dict[str, Callable[[Connection], object]] = {
    "executions by id": lambda c: reads.executions_by_id(c, ["a", "b"]),
    "executions by key": lambda c: reads.executions_by_key(c, [1, 2]),
    "executions by request": lambda c: reads.executions_by_request(c, [("order", "r")]),
    "list": lambda c: reads.list_executions(c, ALL, None, 5),
    "list on": lambda c: reads.list_executions(c, ALL, 7, 5),
    "list of a workflow": lambda c: reads.list_executions(c, ONE_WORKFLOW, 7, 5),
    "count": lambda c: reads.count_executions(c, ONE_WORKFLOW),
    "due": lambda c: reads.due(c, 5, None, 5),
    "due on": lambda c: reads.due(c, 5, (1, 1), 5),
    "next due": reads.next_due,
    "history": lambda c: reads.history_after(c, 1, 5, 5),
    "histories": lambda c: reads.histories(c, [1, 2], {2: 5}),
    "snapshots": lambda c: reads.snapshots_of(c, [1, 2]),
    "tasks of an execution": lambda c: reads.tasks_of(c, 1),
    "ready keys": lambda c: reads.ready_keys(c, ("default", "charge"), (1, 1), 5),
    "ready tasks": lambda c: reads.ready_tasks(c, [(1, 1), (1, 2)]),
    "workflow": lambda c: workflows.workflow(c, "order", None),
}
# Of these a plan may read all rows: constants and results that are there already.
HARMLESS = re.compile(r"SCAN (wanted$|\d+ CONSTANT ROWS?|\(?subquery|anon_|v_\d+)")


def scans(raw: sqlite3.Connection, statement: str, parameters: Sequence[object]) -> list[str]:
    """The steps of a statement's plan that read all of a table or index."""
    rows = raw.execute("EXPLAIN QUERY PLAN " + statement, parameters).fetchall()
    steps = [str(row[3]) for row in rows]
    return [step for step in steps if step.startswith("SCAN") and not HARMLESS.match(step)]


@pytest.fixture
def connection(store: Store, path: Path) -> Iterator[Connection]:
    """A connection to an empty database, set up as the store's own."""
    connection = connect(path, SqliteOptions())
    yield connection
    connection.close()


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
async def test_no_read_scans(connection: Connection, query: Callable[[Connection], object]) -> None:
    raw, seen = driver_connection(connection), []

    def explain(
        _c: object, _cursor: object, statement: str, parameters: Sequence[object], *_: object
    ) -> None:
        if statement.startswith(("SELECT", "WITH")):
            seen.append(scans(raw, statement, parameters))

    event.listen(connection, "before_cursor_execute", explain)
    query(connection)
    assert seen
    assert not any(seen), seen


async def test_no_write_scans(connection: Connection) -> None:
    keys = range(1, 65)
    batch = Batch(
        started=[execution(key) for key in keys],
        changed=[ExecutionChange(key, 2) for key in keys],
        history=[transition(key, 1, 1) for key in keys],
        snapshots=[snapshot(key, 1) for key in keys],
        tasks_added=[task(key) for key in keys],
        tasks_leased=[TaskLease(key, 1, "w", 1, NOW) for key in keys],
        tasks_removed=[TaskKey(key, 1) for key in keys],
        deleted=list(keys),
    )
    raw = driver_connection(connection)
    statements: list[str] = []
    raw.set_trace_callback(statements.append)
    sqlite_commit.commit(raw, batch)
    raw.set_trace_callback(None)
    written = [text for text in statements if not text.startswith(("BEGIN", "COMMIT"))]
    assert len(written) == 11
    assert [step for text in written for step in scans(raw, text, ())] == []
