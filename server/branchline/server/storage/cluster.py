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
    Select,
    delete,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)

from branchline.server.storage.reads import TASK_FIELDS
from branchline.server.storage.rows import LifeSign, TaskHold, TaskKey, TaskRow
from branchline.server.storage.schema import servers, tasks

_NOW: Final[ColumnElement[int]] = literal_column(
    "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint", BigInteger
)

_KEY: Final = (tasks.c.execution_key, tasks.c.task)


def now(connection: Connection) -> int:
    """The database's time, microseconds since the epoch."""
    return connection.execute(select(_NOW)).scalar_one()


def join(connection: Connection, server: str) -> None:
    """Let a server be one of those that share the database."""
    connection.execute(insert(servers).values(id=server, seen=_NOW))


def leave(connection: Connection, server: str) -> None:
    """A server goes; the tasks that it has are orphans."""
    connection.execute(delete(servers).where(servers.c.id == server))


def beat(connection: Connection, server: str) -> int | None:
    """A server gives a sign of life, at the given time; None when it has been given up already."""
    sign = update(servers).where(servers.c.id == server).values(seen=_NOW)
    return connection.execute(sign.returning(servers.c.seen)).scalar()


def signs(connection: Connection) -> list[LifeSign]:
    """The last sign of life of every server."""
    query = select(servers.c.id, servers.c.seen, _NOW - servers.c.seen).order_by(servers.c.id)
    return [LifeSign._make(row) for row in connection.execute(query)]


def bury(connection: Connection, silent: Sequence[LifeSign]) -> list[str]:
    """Give up servers that have given no later sign of life than these."""
    wanted = tuple_(servers.c.id, servers.c.seen).in_([(sign.server, sign.seen) for sign in silent])
    return list(connection.execute(delete(servers).where(wanted).returning(servers.c.id)).scalars())


def roll(connection: Connection) -> list[str]:
    """The servers that are there, in an order that all of them agree on."""
    return list(connection.execute(select(servers.c.id).order_by(servers.c.id)).scalars())


def adopt_orphans(connection: Connection, server: str) -> list[TaskRow]:
    """Take the leased tasks whose server is gone, ordered by execution and task."""
    orphaned = tasks.c.server.is_(None) | tasks.c.server.not_in(select(servers.c.id))
    return _take(connection, server, select(*_KEY).where(tasks.c.worker.is_not(None), orphaned))


def adopt(connection: Connection, server: str, deliveries: Sequence[TaskHold]) -> list[TaskRow]:
    """Take leased tasks from whichever server has them, those whose delivery still stands."""
    return _take(connection, server, select(*_KEY).where(*_standing(deliveries)))


def standing(connection: Connection, deliveries: Sequence[TaskHold]) -> list[TaskRow]:
    """The leased tasks whose deliveries stand, whichever server has them."""
    query = select(*TASK_FIELDS).where(*_standing(deliveries))
    return sorted(TaskRow._make(row) for row in connection.execute(query))


def owned(connection: Connection, server: str, keys: Sequence[TaskKey]) -> list[TaskKey]:
    """Those of these tasks that a server has."""
    query = select(*_KEY).where(
        tasks.c.server == server, tasks.c.worker.is_not(None), tuple_(*_KEY).in_(keys)
    )
    return sorted(TaskKey._make(row) for row in connection.execute(query))


def _standing(deliveries: Sequence[TaskHold]) -> list[ColumnElement[bool]]:
    wanted = [hold[:3] for hold in deliveries]
    return [tuple_(*_KEY, tasks.c.delivery).in_(wanted), tasks.c.worker.is_not(None)]


def _take(connection: Connection, server: str, wanted: Select[tuple[int, int]]) -> list[TaskRow]:
    """Give tasks to a server; they are locked in one order, so that no two wait for each other."""
    locked = wanted.order_by(*_KEY).with_for_update().cte("locked")
    same = [mine == found for mine, found in zip(_KEY, locked.c, strict=True)]
    taken = connection.execute(
        update(tasks).where(*same).values(server=server).returning(*TASK_FIELDS)
    )
    return sorted(TaskRow._make(row) for row in taken)


def overdue(connection: Connection, at: int, limit: int) -> list[TaskRow]:
    """Tasks that nobody has and whose time is over, the longest overdue first."""
    waiting = [tasks.c.worker.is_(None), tasks.c.schedule_deadline <= at]
    query = select(*TASK_FIELDS).where(*waiting).order_by(tasks.c.schedule_deadline).limit(limit)
    return [TaskRow._make(row) for row in connection.execute(query)]
