"""The queries of servers that share a database: who is there, and who has which task.

Times are the database's own: the clocks of the servers need not agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import (
    BigInteger,
    Connection,
    column,
    delete,
    func,
    insert,
    select,
    text,
    tuple_,
    update,
    values,
)

from branchline.server.storage.rows import TaskRow, TaskVersion
from branchline.server.storage.schema import servers, tasks

_TASK_FIELDS: Final = [tasks.c[name] for name in TaskRow.column_names()]
_NOW: Final = text("(extract(epoch FROM clock_timestamp()) * 1000000)::bigint")


def now(connection: Connection) -> int:
    """The database's time, microseconds since the epoch."""
    return int(connection.execute(select(_NOW)).scalar_one())


def join(connection: Connection, server: str) -> None:
    """Let a server be one of those that share the database."""
    connection.execute(insert(servers).values(id=server, seen=_NOW))


def leave(connection: Connection, server: str) -> None:
    """A server goes; whatever it has is anybody's."""
    connection.execute(delete(servers).where(servers.c.id == server))


def beat(connection: Connection, server: str) -> bool:
    """A server gives a sign of life; False when the others have given it up already."""
    changed = connection.execute(update(servers).where(servers.c.id == server).values(seen=_NOW))
    return changed.rowcount == 1


def bury(connection: Connection, silence: int) -> list[str]:
    """Give up the servers that have been silent for so long (microseconds)."""
    silent = delete(servers).where(servers.c.seen < now(connection) - silence)
    return list(connection.execute(silent.returning(servers.c.id)).scalars())


def roll(connection: Connection) -> list[str]:
    """The servers that are there, in an order that all of them agree on."""
    return list(connection.execute(select(servers.c.id).order_by(servers.c.id)).scalars())


def adopt_orphans(connection: Connection, server: str) -> list[TaskRow]:
    """Take the leased tasks whose server is gone; ordered by execution and task."""
    orphaned = tasks.c.server.not_in(select(servers.c.id))
    taken = connection.execute(
        update(tasks)
        .where(tasks.c.worker.is_not(None), orphaned)
        .values(server=server)
        .returning(*_TASK_FIELDS)
    )
    return sorted(map(TaskRow._make, taken))


def adopt(connection: Connection, server: str, deliveries: Sequence[TaskVersion]) -> list[TaskRow]:
    """Take leased tasks from whichever server has them, those whose delivery still stands."""
    wanted = (
        values(
            column("execution_key", BigInteger),
            column("task", BigInteger),
            column("delivery", BigInteger),
        )
        .data(list(deliveries))
        .cte("wanted")
    )
    taken = connection.execute(
        update(tasks)
        .where(
            tasks.c.execution_key == wanted.c.execution_key,
            tasks.c.task == wanted.c.task,
            tasks.c.delivery == wanted.c.delivery,
            tasks.c.worker.is_not(None),
        )
        .values(server=server)
        .returning(*_TASK_FIELDS)
    )
    return sorted(map(TaskRow._make, taken))


def overdue(connection: Connection, at: int, limit: int) -> list[TaskRow]:
    """Tasks that nobody has and whose time is over, the longest overdue first."""
    waiting = [tasks.c.worker.is_(None), tasks.c.schedule_deadline <= at]
    query = select(*_TASK_FIELDS).where(*waiting).order_by(tasks.c.schedule_deadline).limit(limit)
    return list(map(TaskRow._make, connection.execute(query)))


def last_sequences(connection: Connection, keys: Sequence[int]) -> dict[int, int]:
    """The number of the last event of each of these executions that exists."""
    raise NotImplementedError(tuple_, func)
