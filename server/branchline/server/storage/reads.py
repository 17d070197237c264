"""The queries of executions, histories and tasks, for every dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    and_,
    bindparam,
    column,
    func,
    or_,
    select,
    tuple_,
    values,
)

from branchline.server.storage.rows import (
    Cancellation,
    Due,
    ExecutionRow,
    HistoryRow,
    SnapshotRow,
    TaskKey,
    TaskRow,
)
from branchline.server.storage.schema import cancellations as postponed
from branchline.server.storage.schema import executions, history, snapshots, tasks

T = TypeVar("T")

# Databases bound the parameters of a statement.
_CHUNK: Final = 500

_BY_ID: Final = select(*executions.c).where(
    executions.c.id.in_(bindparam("wanted", expanding=True))
)
_STATUS_BY_ID: Final = select(executions.c.id, executions.c.status).where(
    executions.c.id.in_(bindparam("wanted", expanding=True))
)
_BY_KEY: Final = select(*executions.c).where(
    executions.c.key.in_(bindparam("wanted", expanding=True))
)
_BY_REQUEST: Final = select(*executions.c).where(
    executions.c.workflow == bindparam("workflow"),
    executions.c.request_id.in_(bindparam("wanted", expanding=True)),
)


def chunks(wanted: Sequence[T]) -> Iterator[Sequence[T]]:
    """What is wanted, in parts that one statement can take."""
    for start in range(0, len(wanted), _CHUNK):
        yield wanted[start : start + _CHUNK]


def _executions(
    connection: Connection, query: Select[Any], wanted: Sequence[Any], **values: str
) -> list[ExecutionRow]:
    return [
        ExecutionRow._make(row)
        for chunk in chunks(wanted)
        for row in connection.execute(query, {"wanted": chunk, **values})
    ]


def executions_by_id(connection: Connection, ids: Sequence[str]) -> list[ExecutionRow]:
    """The executions with these ids, in no order."""
    return _executions(connection, _BY_ID, ids)


def statuses_by_id(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """The statuses of the executions with these ids; who is not there is left out."""
    return {
        row.id: row.status
        for chunk in chunks(ids)
        for row in connection.execute(_STATUS_BY_ID, {"wanted": chunk})
    }


def executions_by_key(connection: Connection, keys: Sequence[int]) -> list[ExecutionRow]:
    """The executions with these keys, in no order."""
    return _executions(connection, _BY_KEY, keys)


def executions_by_request(
    connection: Connection, requests: Sequence[tuple[str, str]]
) -> list[ExecutionRow]:
    """The executions of these workflows that these requests started, in no order."""
    return [
        row
        for workflow, pairs in groupby(sorted(requests), key=itemgetter(0))
        for row in _executions(
            connection, _BY_REQUEST, [request for _, request in pairs], workflow=workflow
        )
    ]


def due(connection: Connection, until: int, after: tuple[int, int] | None, limit: int) -> list[Due]:
    """The executions in which something is due by a time, the longest due first."""
    query = select(executions.c.wake_at, executions.c.key, executions.c.id).where(
        executions.c.wake_at <= until
    )
    if after is not None:
        query = query.where(tuple_(executions.c.wake_at, executions.c.key) > tuple_(*after))
    query = query.order_by(executions.c.wake_at, executions.c.key).limit(limit)
    return [Due._make(row) for row in connection.execute(query)]


def next_due(connection: Connection) -> int | None:
    """The earliest time at which something is due."""
    query = select(func.min(executions.c.wake_at)).where(executions.c.wake_at.is_not(None))
    return connection.execute(query).scalar()


def cancellations(connection: Connection, after: str, limit: int) -> list[Cancellation]:
    """The executions that are still to be cancelled, ordered by id, beginning after one."""
    execution = postponed.c.execution
    query = select(*postponed.c).where(execution > after).order_by(execution).limit(limit)
    return [Cancellation._make(row) for row in connection.execute(query)]


_HISTORIES: Final = (
    select(*history.c)
    .where(history.c.execution_key.in_(bindparam("wanted", expanding=True)))
    .order_by(history.c.execution_key, history.c.first_sequence)
)


def history_after(
    connection: Connection,
    key: int,
    after_sequence: int,
    limit: int | None,
    limit_bytes: int | None = None,
) -> list[HistoryRow]:
    """The rows with the events after one; the first row may hold earlier ones too.

    No further row is read once the events take ``limit_bytes``.
    """
    same = history.c.execution_key == key
    first = (
        select(func.max(history.c.first_sequence))
        .where(same, history.c.first_sequence <= after_sequence + 1)
        .scalar_subquery()
    )
    query = (
        select(*history.c)
        .where(
            same,
            history.c.first_sequence >= func.coalesce(first, 0),
            history.c.last_sequence > after_sequence,
        )
        .order_by(history.c.first_sequence)
        .limit(limit)
    )
    rows = []
    size = 0
    with connection.execute(query) as result:
        for row in result:
            rows.append(HistoryRow._make(row))
            size += len(row.events)
            if limit_bytes is not None and size >= limit_bytes:
                break
    return rows


def histories(
    connection: Connection, keys: Sequence[int], after: Mapping[int, int]
) -> dict[int, list[HistoryRow]]:
    """The rows of many histories, each after the event that ``after`` names, else all."""
    found: dict[int, list[HistoryRow]] = {key: [] for key in keys}
    whole = [key for key in found if not after.get(key)]
    for chunk in chunks(whole):
        for row in connection.execute(_HISTORIES, {"wanted": chunk}):
            found[row.execution_key].append(HistoryRow._make(row))
    for key in found.keys() - set(whole):
        found[key] = history_after(connection, key, after[key], None)
    return found


_LAST_SEQUENCES: Final = select(
    executions.c.key,
    select(history.c.last_sequence)
    .where(history.c.execution_key == executions.c.key)
    .order_by(history.c.first_sequence.desc())
    .limit(1)
    .scalar_subquery()
    .label("last"),
).where(executions.c.key.in_(bindparam("wanted", expanding=True)))


def last_sequences(connection: Connection, keys: Sequence[int]) -> dict[int, int]:
    """The number of the last event of each of these executions, of those that exist."""
    return {
        row.key: row.last
        for chunk in chunks(keys)
        for row in connection.execute(_LAST_SEQUENCES, {"wanted": chunk})
    }


_SNAPSHOTS: Final = select(*snapshots.c).where(
    snapshots.c.execution_key.in_(bindparam("wanted", expanding=True))
)


def snapshots_of(connection: Connection, keys: Sequence[int]) -> dict[int, SnapshotRow]:
    """The snapshots of executions that have one, by key."""
    return {
        row.execution_key: SnapshotRow._make(row)
        for chunk in chunks(keys)
        for row in connection.execute(_SNAPSHOTS, {"wanted": chunk})
    }


TASK_FIELDS: Final = [column for column in tasks.c if column.name != "server"]
_TASKS: Final = select(*TASK_FIELDS).order_by(tasks.c.execution_key, tasks.c.task)


_READY: Final = tasks.c.worker.is_(None)


def running_tasks(connection: Connection) -> list[TaskRow]:
    """The tasks that workers have or whose time runs out, ordered by execution and task."""
    started = tasks.c.started_at.is_not(None)
    running = or_(
        tasks.c.worker.is_not(None),
        and_(~started, tasks.c.schedule_deadline.is_not(None)),
        and_(started, tasks.c.attempt_timeout.is_not(None)),
    )
    return _tasks(connection, _TASKS.where(running))


def ready_offers(connection: Connection) -> list[tuple[str, str]]:
    """The queues and activities of the tasks that nobody has, each pair once."""
    query = select(tasks.c.queue, tasks.c.activity).where(_READY).distinct()
    return [(row.queue, row.activity) for row in connection.execute(query)]


def ready_keys(
    connection: Connection, offer: tuple[str, str], after: tuple[int, int], limit: int
) -> list[TaskKey]:
    """The tasks of a queue and activity that nobody has, in order, from the one after ``after``."""
    queue, activity = offer
    query = (
        select(tasks.c.execution_key, tasks.c.task)
        .where(_READY, tasks.c.queue == queue, tasks.c.activity == activity)
        .where(tuple_(tasks.c.execution_key, tasks.c.task) > tuple_(*after))
        .order_by(tasks.c.execution_key, tasks.c.task)
        .limit(limit)
    )
    return [TaskKey._make(row) for row in connection.execute(query)]


def ready_tasks(connection: Connection, keys: Sequence[tuple[int, int]]) -> list[TaskRow]:
    """Those of these tasks that nobody has, ordered by execution and task."""
    return [row for chunk in chunks(sorted(keys)) for row in _ready_tasks(connection, chunk)]


def _ready_tasks(connection: Connection, keys: Sequence[tuple[int, int]]) -> list[TaskRow]:
    # A list of pairs in one condition would have SQLite read the whole table.
    wanted = (
        values(column("execution_key", BigInteger), column("task", BigInteger))
        .data(keys)
        .cte("wanted")
    )
    same = [tasks.c.execution_key == wanted.c.execution_key, tasks.c.task == wanted.c.task]
    return _tasks(connection, _TASKS.join(wanted, and_(*same)).where(_READY))


def tasks_of(connection: Connection, key: int) -> list[TaskRow]:
    """The tasks of an execution, ordered by task."""
    return _tasks(connection, _TASKS.where(tasks.c.execution_key == key))


def _tasks(connection: Connection, query: Select[Any]) -> list[TaskRow]:
    return [TaskRow._make(row) for row in connection.execute(query)]
