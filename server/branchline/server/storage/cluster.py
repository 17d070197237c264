"""The queries of servers that share a database: who is there, and who has which task.

Times are the database's own: the clocks of the servers need not agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    column,
    delete,
    insert,
    literal_column,
    select,
    update,
    values,
)

from branchline.server.storage.reads import TASK_FIELDS
from branchline.server.storage.rows import TaskHold, TaskRow
from branchline.server.storage.schema import servers, tasks

_NOW: Final[ColumnElement[int]] = literal_column(
    "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint", BigInteger
)


def now(connection: Connection) -> int:
    """The database's time, microseconds since the epoch."""
    return connection.execute(select(_NOW)).scalar_one()


def join(connection: Connection, server: str) -> None:
    """Let a server be one of those that share the database."""
    connection.execute(insert(servers).values(id=server, seen=_NOW))


def leave(connection: Connection, server: str) -> None:
    """A server goes; the tasks that it has are orphans."""
    connection.execute(delete(servers).where(servers.c.id == server))


def beat(connection: Connection, server: str) -> bool:
    """A server gives a sign of life; False when the others have given it up already."""
    changed = connection.execute(update(servers).where(servers.c.id == server).values(seen=_NOW))
    return changed.rowcount == 1


def bury(connection: Connection, silence: int) -> list[str]:
    """Give up the servers that have been silent for so long (microseconds)."""
    silent = delete(servers).where(servers.c.seen < _NOW - silence)
    return list(connection.execute(silent.returning(servers.c.id)).scalars())


def roll(connection: Connection) -> list[str]:
    """The servers that are there, in an order that all of them agree on."""
    return list(connection.execute(select(servers.c.id).order_by(servers.c.id)).scalars())


def adopt_orphans(connection: Connection, server: str) -> list[TaskRow]:
    """Take the leased tasks whose server is gone, ordered by execution and task."""
    orphaned = tasks.c.server.is_(None) | tasks.c.server.not_in(select(servers.c.id))
    taken = connection.execute(
        update(tasks)
        .where(tasks.c.worker.is_not(None), orphaned)
        .values(server=server)
        .returning(*TASK_FIELDS)
    )
    return sorted(TaskRow._make(row) for row in taken)


def adopt(connection: Connection, server: str, deliveries: Sequence[TaskHold]) -> list[TaskRow]:
    """Take leased tasks from whichever server has them, those whose delivery still stands."""
    names = ("execution_key", "task", "delivery")
    wanted = (
        values(*(column(name, BigInteger) for name in names))
        .data([hold[:3] for hold in deliveries])
        .cte("wanted")
    )
    same = [tasks.c[name] == wanted.c[name] for name in names]
    taken = connection.execute(
        update(tasks)
        .where(*same, tasks.c.worker.is_not(None))
        .values(server=server)
        .returning(*TASK_FIELDS)
    )
    return sorted(TaskRow._make(row) for row in taken)


def overdue(connection: Connection, at: int, limit: int) -> list[TaskRow]:
    """Tasks that nobody has and whose time is over, the longest overdue first."""
    waiting = [tasks.c.worker.is_(None), tasks.c.schedule_deadline <= at]
    query = select(*TASK_FIELDS).where(*waiting).order_by(tasks.c.schedule_deadline).limit(limit)
    return [TaskRow._make(row) for row in connection.execute(query)]
