"""Queries cost what they give, however much is stored: none reads a whole table."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from branchline.server.storage import Batch, SqliteOptions, Store, sqlite_commit
from branchline.server.storage.rows import ExecutionChange, StatusChange, TaskKey, TaskLease
from branchline.server.storage.sqlite_connection import connect, driver_connection
from tests.storage.examples import NOW, execution, snapshot, task, transition
from tests.storage.queries import QUERIES

# Of these a plan may read all rows: constants and results that are there already.
HARMLESS = re.compile(r"SCAN (wanted$|(\d+ )?CONSTANT ROWS?|\(?subquery|anon_|v_\d+)")


@pytest.fixture
def url(path: Path) -> str:
    """SQLite alone."""
    return f"sqlite:///{path}"


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


def statements_of(raw: sqlite3.Connection, batch: Batch) -> list[str]:
    """The statements that store a batch."""
    statements: list[str] = []
    raw.set_trace_callback(statements.append)
    sqlite_commit.commit(raw, batch)
    raw.set_trace_callback(None)
    return [text for text in statements if not text.startswith(("BEGIN", "COMMIT"))]


async def test_no_write_scans(connection: Connection) -> None:
    keys = range(1, 65)
    batch = Batch(
        started=[execution(key, labels={"colour": "red"}) for key in keys],
        changed=[ExecutionChange(key, 2) for key in keys],
        history=[transition(key, 1, 1) for key in keys],
        snapshots=[snapshot(key, 1) for key in keys],
        tasks_added=[task(key) for key in keys],
        tasks_leased=[TaskLease(key, 1, "w", 1, NOW) for key in keys],
        tasks_removed=[TaskKey(key, 1) for key in keys],
        deleted=list(keys),
        status_changes=[StatusChange(key, 2) for key in keys],
    )
    raw = driver_connection(connection)
    written = statements_of(raw, batch)
    assert len(written) == 15
    assert [step for text in written for step in scans(raw, text, ())] == []


async def test_starts_without_labels_cost_no_statement_for_them(connection: Connection) -> None:
    raw = driver_connection(connection)
    assert len(statements_of(raw, Batch(started=[execution(key) for key in range(8)]))) == 1
    labelled = [execution(key, labels={"a": "1", "b": "2"}) for key in range(8, 16)]
    assert len(statements_of(raw, Batch(started=labelled))) == 2
