"""The hot path of PostgreSQL: stores a batch with one statement a table.

A statement takes all its rows at once, as an array per column: that costs the least time here
and there, and the statement stays the same, so that it is prepared once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg
from sqlalchemy import Column, Dialect, Table
from sqlalchemy.dialects import postgresql

from branchline.server.storage import postgres_tasks
from branchline.server.storage.errors import Conflict, Taken, TasksLost
from branchline.server.storage.postgres_connection import committing
from branchline.server.storage.reads import TASK_FIELDS
from branchline.server.storage.rows import Batch, TaskRow
from branchline.server.storage.schema import executions, history, labels, snapshots, tasks
from branchline.server.storage.status_changes import BEFORE_THE_FIRST, encode_changes

Row = tuple[Any, ...]

_DIALECT: Final[Dialect] = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's

POSITIONS: Final = 6_627_501
"""The advisory lock under which positions of status changes are given: they become visible in
their order, whichever server commits."""


class _Statement:
    """A statement over rows that come as arrays.

    Its text is made of the names of our own tables and columns, never of values.
    """

    def __init__(self, table: Table, names: Sequence[str], template: str) -> None:
        columns = [table.c[name] for name in names] or list(table.c)
        arrays = ", ".join(f"${n}::{_type(c)}[]" for n, c in enumerate(columns, start=1))
        listed = ", ".join(column.name for column in columns)
        self.sql = template.format(
            table=table.name, columns=listed, rows=f"unnest({arrays}) AS v({listed})"
        )

    async def run(self, connection: asyncpg.Connection, rows: Sequence[Row]) -> list[Any]:
        """Run it for all rows."""
        if not rows:
            return []
        return await connection.fetch(self.sql, *map(list, zip(*rows, strict=True)))


def _type(column: Column[Any]) -> str:
    return str(column.type.dialect_impl(_DIALECT).compile(_DIALECT)).partition(" COLLATE")[0]


def _insert(table: Table, *names: str) -> _Statement:
    return _Statement(table, names, "INSERT INTO {table} ({columns}) SELECT {columns} FROM {rows}")


def _update(table: Table, *names: str, rest: str = "") -> _Statement:
    key = [column.name for column in table.primary_key]
    same = " AND ".join(f"t.{name} = v.{name}" for name in key)
    changes = ", ".join(f"{name} = v.{name}" for name in names if name not in key)
    template = f"UPDATE {{table}} AS t SET {changes} FROM {{rows}} WHERE {same}"  # noqa: S608 - ours
    return _Statement(table, names, template + rest)


def _delete(table: Table, *names: str, rest: str = "") -> _Statement:
    same = " AND ".join(f"t.{name} = v.{name}" for name in names)
    template = f"DELETE FROM {{table}} AS t USING {{rows}} WHERE {same}"  # noqa: S608 - ours
    return _Statement(table, names, template + rest)


def _replace(table: Table) -> _Statement:
    key = ", ".join(column.name for column in table.primary_key)
    rest = [column.name for column in table.c if column not in list(table.primary_key)]
    changes = ", ".join(f"{name} = excluded.{name}" for name in rest)
    insert = "INSERT INTO {table} ({columns}) SELECT {columns} FROM {rows}"
    return _Statement(table, (), f"{insert} ON CONFLICT ({key}) DO UPDATE SET {changes}")


_START: Final = _insert(executions)
_LABEL: Final = _insert(labels)
_CHANGE: Final = _update(
    executions,
    *("key", "status", "close_time", "wake_at", "error", "outputs"),
    rest=" RETURNING t.key",
)
_APPEND: Final = _insert(history)
_SNAPSHOT: Final = _replace(snapshots)
_ADD_TASK: Final = _insert(tasks, *(column.name for column in TASK_FIELDS))
_LEASE_TASK: Final = _update(
    tasks, "execution_key", "task", "worker", "delivery", "started_at", "losses"
)
_CHANGE_TASK: Final = _update(tasks, "execution_key", "task", "payload")
_REMOVE_TASK: Final = _delete(tasks, "execution_key", "task")
# Another server may have taken it up again, or removed it.
_DELETE: Final = _delete(executions, "key", rest=" AND t.close_time IS NOT NULL RETURNING t.key")
_DELETE_REST: Final = tuple(
    _delete(table, "execution_key") for table in (labels, history, snapshots, tasks)
)
_CHANGE_STATUSES: Final = (
    "INSERT INTO status_changes (position, time, changes)"
    " SELECT coalesce(max(position), $3) + 1, $1, $2 FROM status_changes"
)


async def commit(connection: asyncpg.Connection, batch: Batch, server: str) -> list[TaskRow]:
    """Store a batch in one transaction, or nothing of it; gives the tasks that it has pulled.

    Raises CommitUnknown when the connection broke after the commit was sent. After any error but a
    key that is in use, Conflict and TasksLost the connection must be given up.
    """
    transaction = connection.transaction(isolation="read_committed")
    await transaction.start()
    try:
        await _store(connection, batch, server)
        pulled = await postgres_tasks.pull(connection, batch.tasks_pulled, server, batch.time)
        await postgres_tasks.notify(connection, batch.notes)
        await _store_status_changes(connection, batch)
    except (asyncpg.UniqueViolationError, Conflict, TasksLost):
        await transaction.rollback()
        raise
    if connection.is_closed():
        raise ConnectionResetError("the connection was closed before the commit")
    with committing():
        await transaction.commit()
    return pulled


async def _store(connection: asyncpg.Connection, batch: Batch, server: str) -> None:
    await _START.run(connection, batch.started)
    await _LABEL.run(connection, _label_rows(batch))
    changes = sorted(_last((row.key, row) for row in batch.changed))
    _demand(len(changes), await _CHANGE.run(connection, changes))
    await _APPEND.run(connection, sorted(batch.history))
    await _SNAPSHOT.run(connection, _last((row.key, row) for row in batch.snapshots))
    await postgres_tasks.hold(connection, batch.tasks_held, server)
    await _store_tasks(connection, batch, server)
    deleted = [(key,) for key in sorted(batch.deleted)]
    _demand(len(deleted), await _DELETE.run(connection, deleted))
    for statement in _DELETE_REST:
        await statement.run(connection, deleted)


def _demand(wanted: int, found: Sequence[Row]) -> None:
    """Raise Conflict when executions are not as they were: another server has changed them."""
    if len(found) != wanted:
        raise Conflict(Taken.ROW)


async def _store_status_changes(connection: asyncpg.Connection, batch: Batch) -> None:
    if batch.status_changes:
        # Last, for others wait for it.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", POSITIONS)
        changes = encode_changes(batch.status_changes)
        await connection.execute(_CHANGE_STATUSES, batch.time, changes, BEFORE_THE_FIRST)


async def _store_tasks(connection: asyncpg.Connection, batch: Batch, server: str) -> None:
    await _ADD_TASK.run(connection, batch.tasks_added)
    leased = (lease for lease in batch.tasks_leased if lease.worker is not None)
    await _LEASE_TASK.run(connection, _last(((lease.key, lease.task), lease) for lease in leased))
    await postgres_tasks.own(connection, batch, server)
    await postgres_tasks.give_back(connection, batch, server)
    payloads = _last(((row.key, row.task), row) for row in batch.tasks_changed)
    await _CHANGE_TASK.run(connection, payloads)
    await _REMOVE_TASK.run(connection, sorted(batch.tasks_removed))


def _label_rows(batch: Batch) -> list[Row]:
    return [
        (name, value, row.key)
        for row in batch.started
        if row.labels
        for name, value in json.loads(row.labels).items()
    ]


def _last(rows: Iterable[tuple[object, Row]]) -> Sequence[Row]:
    # A statement takes its rows in no defined order, so of two for the same thing one must go.
    return list(dict(rows).values())
