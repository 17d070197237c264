"""Tasks on a PostgreSQL that servers share: who has which, seen to by the commit itself.

A task that nobody has is stored without a server. Only the server that has a task may end it or
give it back; any of them may take one that waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from branchline.server.storage.errors import TasksLost
from branchline.server.storage.reads import TASK_FIELDS
from branchline.server.storage.rows import Batch, TaskHold, TaskPull, TaskRow

CHANNEL: Final = "branchline"
"""Where servers tell each other what they have stored."""

_OWN_FIELDS: Final = ", ".join(f"t.{column.name}" for column in TASK_FIELDS)

# The rows come in one order everywhere, so that no two servers wait for each other.
_HOLD: Final = """\
SELECT t.execution_key, t.task FROM tasks AS t
JOIN unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::boolean[])
  AS v(execution_key, task, delivery, leased)
  ON t.execution_key = v.execution_key AND t.task = v.task AND t.delivery = v.delivery
WHERE CASE WHEN v.leased THEN t.worker IS NOT NULL AND t.server = $5 ELSE t.worker IS NULL END
ORDER BY t.execution_key, t.task FOR UPDATE OF t
"""

_OWN: Final = """\
UPDATE tasks AS t SET server = $3 FROM unnest($1::bigint[], $2::bigint[]) AS v(execution_key, task)
WHERE t.execution_key = v.execution_key AND t.task = v.task
"""

_GIVE_BACK: Final = """\
UPDATE tasks AS t
SET worker = NULL, server = NULL, losses = v.losses,
  schedule_deadline = t.started_at + t.attempt_timeout
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
  AS v(execution_key, task, delivery, losses)
WHERE t.execution_key = v.execution_key AND t.task = v.task AND t.delivery = v.delivery
  AND t.server IS NOT DISTINCT FROM $5
"""

_PULL: Final = f"""\
WITH waiting AS (
  SELECT execution_key, task FROM tasks
  WHERE worker IS NULL AND queue = $1 AND activity = $2
  ORDER BY execution_key, task LIMIT $3 FOR UPDATE SKIP LOCKED
), numbered AS (
  SELECT execution_key, task, row_number() OVER (ORDER BY execution_key, task) AS number
  FROM waiting
)
UPDATE tasks AS t
SET worker = ($4::text[])[n.number], delivery = t.delivery + 1, server = $5,
  started_at = coalesce(t.started_at, $6)
FROM numbered AS n WHERE t.execution_key = n.execution_key AND t.task = n.task
RETURNING {_OWN_FIELDS}
"""  # noqa: S608 - the names of the schema's own columns


async def hold(connection: asyncpg.Connection, held: Sequence[TaskHold], server: str) -> None:
    """Make sure that deliveries still stand, and will until the commit. Raises TasksLost."""
    if not held:
        return
    found = await connection.fetch(_HOLD, *map(list, zip(*held, strict=True)), server)
    lost = {(hold.key, hold.task) for hold in held} - {tuple(row) for row in found}
    if lost:
        raise TasksLost(frozenset(lost))


async def own(connection: asyncpg.Connection, batch: Batch, server: str) -> None:
    """Note which server has the tasks that a batch leases."""
    leased = [(row.key, row.task) for row in batch.tasks_added if row.worker is not None]
    leased += [(row.key, row.task) for row in batch.tasks_leased if row.worker is not None]
    if leased:
        await connection.execute(_OWN, *map(list, zip(*leased, strict=True)), server)


async def give_back(connection: asyncpg.Connection, batch: Batch, server: str) -> None:
    """Let tasks wait again, unless they are another server's by now."""
    rows = [
        (row.key, row.task, row.delivery, row.losses)
        for row in batch.tasks_leased
        if row.worker is None
    ]
    if rows:
        await connection.execute(_GIVE_BACK, *map(list, zip(*rows, strict=True)), server)


async def pull(
    connection: asyncpg.Connection, pulls: Sequence[TaskPull], server: str, now: int
) -> list[TaskRow]:
    """Take waiting tasks for workers that have room."""
    rows: list[Any] = []
    for one in pulls:
        workers = list(one.workers)
        rows += await connection.fetch(
            _PULL, one.queue, one.activity, len(workers), workers, server, now
        )
    return sorted(TaskRow._make(row) for row in rows)


async def notify(connection: asyncpg.Connection, notes: Sequence[str]) -> None:
    """Tell the other servers, once the commit is done."""
    if notes:
        await connection.execute(
            "SELECT pg_notify($1, note) FROM unnest($2::text[]) AS note", CHANNEL, list(notes)
        )
