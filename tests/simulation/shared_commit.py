"""What a commit to a shared database promises, on SQLite: nobody comes between two statements.

Rows are as they were, or the whole batch is refused; deliveries on which it rests stand; a task
that is handed out is its server's; what is given back is only one's own; waiting tasks are pulled.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from branchline.server.storage import (
    Batch,
    Conflict,
    TaskHold,
    TaskPull,
    TaskRow,
    TasksLost,
    sqlite_commit,
)
from branchline.server.storage.errors import Taken
from branchline.server.storage.sqlite_connection import translated_errors
from tests.simulation.database import Disk

_TASK: Final = "execution_key = ? AND task = ?"
_FIELDS: Final = ", ".join("execution_key" if name == "key" else name for name in TaskRow._fields)


def commit(disk: Disk, batch: Batch, server: str, skipped: Callable[[], bool]) -> list[TaskRow]:
    """Store a batch as PostgreSQL would; gives what was pulled.

    ``skipped`` tells whether a waiting task is locked by somebody else at this moment.
    """
    raw = disk.raw
    _check_rows(raw, batch)
    lost = frozenset(hold[:2] for hold in batch.tasks_held if not _stands(raw, hold, server))
    if lost:
        raise TasksLost(lost)
    leased = [lease for lease in batch.tasks_leased if lease.worker is not None]
    with translated_errors():
        sqlite_commit.commit(raw, replace(batch, tasks_leased=leased))
    with disk.transaction():
        added = [(row.key, row.task) for row in batch.tasks_added if row.worker is not None]
        for key in (*((lease.key, lease.task) for lease in leased), *added):
            raw.execute(f"UPDATE tasks SET server = ? WHERE {_TASK}", (server, *key))
        _give_back(raw, batch, server)
        pulled = [_pull(raw, pull, batch.time, server, skipped) for pull in batch.tasks_pulled]
    return sorted(row for rows in pulled for row in rows)


def _check_rows(raw: sqlite3.Connection, batch: Batch) -> None:
    """Another server may have removed an execution, or taken up one that had closed."""
    started = {row.key for row in batch.started}
    closing = {change.key: change.close_time for change in batch.changed}
    for key in (closing.keys() | {row.key for row in batch.history}) - started:
        if _close_times(raw, key) == []:
            raise Conflict(Taken.ROW)
    for key in batch.deleted:
        found = [closing[key]] if key in closing else _close_times(raw, key)
        if found in ([], [None]):
            raise Conflict(Taken.ROW)


def _close_times(raw: sqlite3.Connection, key: int) -> list[int | None]:
    """An execution's in a list that is empty without the execution."""
    return [row[0] for row in raw.execute("SELECT close_time FROM executions WHERE key = ?", [key])]


def _stands(raw: sqlite3.Connection, hold: TaskHold, server: str) -> bool:
    query = f"SELECT delivery, worker, server FROM tasks WHERE {_TASK}"
    for delivery, worker, owner in raw.execute(query, hold[:2]):
        whose = worker is not None and owner == server if hold.leased else worker is None
        return delivery == hold.delivery and whose
    return False


def _give_back(raw: sqlite3.Connection, batch: Batch, server: str) -> None:
    for lease in batch.tasks_leased:
        if lease.worker is None:
            raw.execute(
                "UPDATE tasks SET worker = NULL, server = NULL, losses = ?,"
                " schedule_deadline = started_at + attempt_timeout"
                f" WHERE {_TASK} AND delivery = ? AND server IS ?",
                (lease.losses, lease.key, lease.task, lease.delivery, server),
            )


def _pull(
    raw: sqlite3.Connection, pull: TaskPull, now: int, server: str, skipped: Callable[[], bool]
) -> list[TaskRow]:
    waiting = raw.execute(
        "SELECT execution_key, task FROM tasks WHERE worker IS NULL AND queue = ?"
        " AND activity = ? ORDER BY execution_key, task",
        (pull.queue, pull.activity),
    ).fetchall()
    found = [key for key in waiting if not skipped()]
    rows = []
    for worker, key in zip(pull.workers, found, strict=False):
        raw.execute(
            "UPDATE tasks SET worker = ?, server = ?, delivery = delivery + 1,"
            f" started_at = coalesce(started_at, ?) WHERE {_TASK}",
            (worker, server, now, *key),
        )
        [row] = raw.execute(f"SELECT {_FIELDS} FROM tasks WHERE {_TASK}", key)
        rows.append(TaskRow._make(row))
    return rows
