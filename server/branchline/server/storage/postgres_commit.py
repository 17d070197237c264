"""The hot path of PostgreSQL: stores a batch with one call of a function.

The function belongs to the connection, which makes it when it begins, so that every server has
the one of its own version. One call is one transaction and one round trip, and PostgreSQL keeps
the plans of the function's statements.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg

from branchline.server.storage import postgres_tasks
from branchline.server.storage.errors import Conflict, Taken, TasksLost
from branchline.server.storage.postgres_connection import BY_KEY, committing, connect
from branchline.server.storage.postgres_options import PostgresOptions
from branchline.server.storage.postgres_steps import Row, Step, delete, insert, replace, update
from branchline.server.storage.rows import Batch, TaskRow
from branchline.server.storage.schema import (
    cancellations,
    executions,
    history,
    labels,
    snapshots,
    tasks,
)
from branchline.server.storage.status_changes import BEFORE_THE_FIRST, encode_changes

POSITIONS: Final = 6_627_501
"""The advisory lock under which positions of status changes are given: they become visible in
their order, whichever server commits."""

_CHANGED: Final = "BL001"
"""The SQLSTATE of a commit that rests on an execution which is not as it was."""

_EXISTS: Final = " WHERE EXISTS (SELECT FROM executions AS e WHERE e.key = v.execution_key)"

# All servers lock in this order, the rows of each by key, so that no two wait for each other.
_STEPS: Final[tuple[Step, ...]] = (
    insert(executions),
    insert(labels),
    update(
        executions,
        *("key", "status", "close_time", "wake_at", "error", "outputs"),
        otherwise=_CHANGED,
    ),
    # Another server may have closed and removed it; a removed history refuses no number.
    insert(history, rest=_EXISTS, otherwise=_CHANGED),
    replace(snapshots),
    postgres_tasks.END,
    postgres_tasks.HOLD,
    postgres_tasks.ADD,
    postgres_tasks.LEASE,
    postgres_tasks.GIVE_BACK,
    postgres_tasks.CHANGE,
    postgres_tasks.REMOVE,
    # Another server may have taken it up again, or removed it.
    delete(executions, "key", rest=" AND t.close_time IS NOT NULL", otherwise=_CHANGED),
    *(delete(table, "execution_key") for table in (labels, history, snapshots, tasks)),
    replace(cancellations),
    delete(cancellations, "execution"),
)


def _rows(batch: Batch) -> Iterable[Sequence[Row]]:
    """The rows of each step."""
    ended, held, withdrawn = postgres_tasks.ended_and_held(batch)
    leased = [lease for lease in batch.tasks_leased if lease.worker is not None]
    given_back = [lease for lease in batch.tasks_leased if lease.worker is None]
    deleted = [(key,) for key in sorted(batch.deleted)]
    return (
        batch.started,
        _label_rows(batch),
        sorted(_last((row.key, row) for row in batch.changed)),
        sorted(batch.history),
        _last((row.key, row) for row in batch.snapshots),
        ended,
        held,
        batch.tasks_added,
        _last(((lease.key, lease.task), lease) for lease in leased),
        [(lease.key, lease.task, lease.delivery, lease.losses) for lease in given_back],
        _last(((row.key, row.task), row) for row in batch.tasks_changed),
        withdrawn,
        deleted,
        *([deleted] * 4),
        sorted(_last((row.execution_id, row) for row in batch.cancellations_added)),
        [(execution_id,) for execution_id in sorted(batch.cancellations_removed)],
    )


class _Writer:
    """Writes the function: its parameters are numbered as they are used."""

    def __init__(self) -> None:
        self.parameters = ["text", "bigint"]
        """Their types: first the server and the time, which the steps call $1 and $2."""
        self._body: list[str] = []
        for step in _STEPS:
            self._body.append(step.written(self._take(f"{t}[]" for t in step.columns.values())[0]))
        first, *_ = self._take(f"{kind}[]" for kind in postgres_tasks.PULLS.values())
        [workers, notes, changes] = self._take(["text[]", "text[]", "text"])
        self._body.append(postgres_tasks.pull(first, workers))
        self._body.append(
            f"IF ${notes} IS NOT NULL THEN PERFORM pg_notify('{postgres_tasks.CHANNEL}', note)"
            f" FROM unnest(${notes}) AS note; END IF;"
        )
        # Last, for others wait for it.
        self._body.append(
            f"IF ${changes} IS NOT NULL THEN PERFORM pg_advisory_xact_lock({POSITIONS});"
            " INSERT INTO status_changes (position, time, changes)"
            f" SELECT coalesce(max(position), {BEFORE_THE_FIRST}) + 1, $2, ${changes}"
            " FROM status_changes; END IF;"
        )

    def _take(self, types: Iterable[str]) -> list[int]:
        before = len(self.parameters)
        self.parameters += types
        return list(range(before + 1, len(self.parameters) + 1))

    def definition(self) -> str:
        """The statement that makes the function."""
        body = "\n".join(self._body)
        return (
            f"CREATE OR REPLACE FUNCTION pg_temp.branchline_commit({', '.join(self.parameters)})"
            " RETURNS SETOF record LANGUAGE plpgsql AS $function$\n"
            f"DECLARE n bigint;\nBEGIN\n{body}\nEND\n$function$"
        )

    def call(self) -> str:
        """The statement that calls it."""
        given = ", ".join(f"${place}" for place in range(1, len(self.parameters) + 1))
        pulled = ", ".join(f"{name} {kind}" for name, kind in postgres_tasks.PULLED.items())
        return f"SELECT * FROM pg_temp.branchline_commit({given}) AS t({pulled})"


_WRITER: Final = _Writer()
DEFINITION: Final = _WRITER.definition()
_CALL: Final = _WRITER.call()


async def connect_for_commits(source: str, options: PostgresOptions) -> asyncpg.Connection:
    """A connection that ``commit`` can use."""
    connection = await connect(source, options, BY_KEY)
    try:
        await connection.execute(DEFINITION)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def commit(connection: asyncpg.Connection, batch: Batch, server: str) -> list[TaskRow]:
    """Store a batch in one transaction, or nothing of it; gives the tasks that it has pulled.

    Raises CommitUnknown when the connection broke under it. After any error but a key that is in
    use, Conflict and TasksLost the connection must be given up.
    """
    if connection.is_closed():
        raise ConnectionResetError("the connection was closed before the commit")
    try:
        with committing():
            pulled = await connection.fetch(_CALL, *_arguments(batch, server))
    except asyncpg.PostgresError as error:
        if error.sqlstate == _CHANGED:
            raise Conflict(Taken.ROW) from error
        if error.sqlstate == postgres_tasks.LOST:
            lost = await postgres_tasks.lost(connection, batch.tasks_held, server)
            raise TasksLost(lost) from error
        raise
    return sorted(TaskRow._make(row) for row in pulled)


def _arguments(batch: Batch, server: str) -> list[Any]:
    arguments: list[Any] = [server, batch.time]
    for step, rows in zip(_STEPS, _rows(batch), strict=True):
        arguments += step.arguments(rows)
    pulls, workers = postgres_tasks.pull_rows(batch.tasks_pulled)
    if pulls:
        arguments += [*map(list, zip(*pulls, strict=True)), workers]
    else:
        arguments += [None] * (len(postgres_tasks.PULLS) + 1)
    arguments.append(batch.notes or None)
    arguments.append(encode_changes(batch.status_changes) if batch.status_changes else None)
    return arguments


def _label_rows(batch: Batch) -> list[Row]:
    return [
        (name, value, row.key)
        for row in batch.started
        if row.labels
        for name, value in json.loads(row.labels).items()
    ]


def _last(rows: Iterable[tuple[object, Row]]) -> list[Any]:
    # A statement takes its rows in no defined order, so of two for the same thing one must go.
    return list(dict(rows).values())
