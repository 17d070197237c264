"""Queries cost what they give, however much is stored: none reads a whole table."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from branchline.server.storage import (
    Batch,
    ExecutionFilter,
    SqliteOptions,
    Store,
    lists,
    reads,
    sqlite_commit,
    status_changes,
    workflows,
)
from branchline.server.storage.rows import ExecutionChange, StatusChange, TaskKey, TaskLease
from branchline.server.storage.sqlite_connection import connect, driver_connection
from tests.storage.examples import ANY, NOW, execution, snapshot, task, transition

ALL = ExecutionFilter(statuses=ANY)
ONE_WORKFLOW = ExecutionFilter(statuses=ANY, workflow="order")
IN_TIME = ExecutionFilter(
    statuses=ANY, started_after=NOW, started_before=NOW + 9, first_key=1, end_key=9
)
LABELS = {"tenant": "acme", "order": "o-1", "colour": "red"}
LABELLED = ExecutionFilter(statuses=ANY, labels={"order": "o-1"})
LABELLED_THRICE = replace(IN_TIME, workflow="order", labels=LABELS)
CHILDREN = ExecutionFilter(statuses=ANY, parent="exec_1")
LABELLED_CHILDREN = replace(LABELLED_THRICE, parent="exec_1")
QUERIES: dict[str, Callable[[Connection], object]] = {
    "executions by id": lambda c: reads.executions_by_id(c, ["a", "b"]),
    "executions by key": lambda c: reads.executions_by_key(c, [1, 2]),
    "executions by request": lambda c: reads.executions_by_request(c, [("order", "r")]),
    "list": lambda c: lists.list_executions(c, ALL, None, 5),
    "list on": lambda c: lists.list_executions(c, ALL, 7, 5),
    "list of a workflow": lambda c: lists.list_executions(c, ONE_WORKFLOW, 7, 5),
    "list in time": lambda c: lists.list_executions(c, IN_TIME, None, 5),
    "list with a label": lambda c: lists.list_executions(c, LABELLED, None, 5),
    "list with labels": lambda c: lists.list_executions(c, LABELLED_THRICE, 7, 5),
    "list of children": lambda c: lists.list_executions(c, CHILDREN, 7, 5),
    "list of children with labels": lambda c: lists.list_executions(c, LABELLED_CHILDREN, 7, 5),
    "count": lambda c: lists.count_executions(c, ONE_WORKFLOW),
    "count all": lambda c: lists.count_executions(c, ALL),
    "count in time": lambda c: lists.count_executions(c, IN_TIME),
    "count with labels": lambda c: lists.count_executions(c, LABELLED_THRICE),
    "count children": lambda c: lists.count_executions(c, CHILDREN),
    "due": lambda c: reads.due(c, 5, None, 5),
    "due on": lambda c: reads.due(c, 5, (1, 1), 5),
    "next due": reads.next_due,
    "history": lambda c: reads.history_after(c, 1, 5, 5),
    "histories": lambda c: reads.histories(c, [1, 2], {2: 5}),
    "snapshots": lambda c: reads.snapshots_of(c, [1, 2]),
    "tasks of an execution": lambda c: reads.tasks_of(c, 1),
    "ready keys": lambda c: reads.ready_keys(c, ("default", "charge"), (1, 1), 5),
    "ready tasks": lambda c: reads.ready_tasks(c, [(1, 1), (1, 2)]),
    "status changes": lambda c: status_changes.status_changes_after(c, 7, 5, 100),
    "removal of status changes": lambda c: status_changes.remove_status_changes(c, NOW, 5),
    "present statuses": lambda c: status_changes.present_statuses(c, ONE_WORKFLOW, 7, 5),
    "workflow": lambda c: workflows.workflow(c, "order", None),
}
# Of these a plan may read all rows: constants and results that are there already.
HARMLESS = re.compile(r"SCAN (wanted$|(\d+ )?CONSTANT ROWS?|\(?subquery|anon_|v_\d+)")


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
