"""Tasks on a PostgreSQL that servers share: who has which, seen to by the commit itself.

A task that nobody has is stored without a server. Only the server that has a task may end it or
give it back; any of them may take one that waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg

from branchline.server.storage.postgres_steps import Step, delete, types_of, update
from branchline.server.storage.reads import TASK_FIELDS
from branchline.server.storage.rows import Batch, TaskHold, TaskKey, TaskPull
from branchline.server.storage.schema import tasks

CHANNEL: Final = "branchline"
"""Where servers tell each other what they have stored."""

LOST: Final = "BL002"
"""The SQLSTATE of a commit that rests on a task which this server does not have any more."""

Row = tuple[Any, ...]

_FIELDS: Final = [column.name for column in TASK_FIELDS]
_KEY: Final = types_of(tasks, ["execution_key", "task"])
_HELD: Final = {**types_of(tasks, ["execution_key", "task", "delivery"]), "leased": "boolean"}

_STANDS: Final = """\
t.execution_key = v.execution_key AND t.task = v.task AND t.delivery = v.delivery
AND CASE WHEN v.leased THEN t.worker IS NOT NULL AND t.server = $1 ELSE t.worker IS NULL END"""
_HOLDS: Final = f"SELECT t.execution_key, t.task FROM {{rows}} JOIN tasks AS t ON {_STANDS}"

# The function's first two parameters are the server and the time. The rows come in one order
# everywhere, so that no two servers wait for each other.
END: Final = Step(_HELD, f"DELETE FROM tasks AS t USING {{rows}} WHERE {_STANDS}", otherwise=LOST)
HOLD: Final = Step(
    _HELD,
    f"PERFORM 1 FROM ({_HOLDS} ORDER BY t.execution_key, t.task FOR UPDATE OF t) AS held",
    otherwise=LOST,
)
ADD: Final = Step(
    types_of(tasks, _FIELDS),
    f"INSERT INTO tasks ({', '.join(_FIELDS)}, server)"
    f" SELECT {', '.join(_FIELDS)}, CASE WHEN worker IS NOT NULL THEN $1 END FROM {{rows}}",
)
LEASE: Final = update(
    tasks,
    *("execution_key", "task", "worker", "delivery", "started_at", "losses"),
    also=", server = $1",
)
GIVE_BACK: Final = Step(
    types_of(tasks, ["execution_key", "task", "delivery", "losses"]),
    """\
UPDATE tasks AS t
SET worker = NULL, server = NULL, losses = v.losses,
  schedule_deadline = t.started_at + t.attempt_timeout
FROM {rows}
WHERE t.execution_key = v.execution_key AND t.task = v.task AND t.delivery = v.delivery
  AND t.server IS NOT DISTINCT FROM $1""",
)
CHANGE: Final = update(tasks, "execution_key", "task", "payload")
REMOVE: Final = delete(tasks, *_KEY)

PULLS: Final = {"queue": "text", "activity": "text", "before": "bigint", "number": "bigint"}
"""What is fetched: of which queue and activity, for how many of the workers, behind which."""


def pull(first: int, workers: int) -> str:
    """The part of the function that takes waiting tasks, with its parameters' numbers."""
    queue, activity, before, number = (f"${first + place}[i]" for place in range(len(PULLS)))
    return f"""\
FOR i IN 1 .. coalesce(cardinality(${first}), 0) LOOP
RETURN QUERY
WITH waiting AS (
  SELECT execution_key, task FROM tasks
  WHERE worker IS NULL AND queue = {queue} AND activity = {activity}
  ORDER BY execution_key, task LIMIT {number} FOR UPDATE SKIP LOCKED
), numbered AS (
  SELECT execution_key, task, row_number() OVER (ORDER BY execution_key, task) AS place
  FROM waiting
)
UPDATE tasks AS t
SET worker = ${workers}[{before} + w.place], delivery = t.delivery + 1, server = $1,
  started_at = coalesce(t.started_at, $2)
FROM numbered AS w WHERE t.execution_key = w.execution_key AND t.task = w.task
RETURNING {", ".join(f"t.{name}" for name in _FIELDS)};
END LOOP;"""


PULLED: Final = types_of(tasks, _FIELDS)
"""What the function gives."""


def pull_rows(pulls: Iterable[TaskPull]) -> tuple[list[Row], list[str]]:
    """Rows for ``PULLS``, and all workers."""
    rows: list[Row] = []
    workers: list[str] = []
    for one in pulls:
        rows.append((one.queue, one.activity, len(workers), len(one.workers)))
        workers += one.workers
    return rows, workers


def ended_and_held(batch: Batch) -> tuple[list[TaskHold], list[TaskHold], list[TaskKey]]:
    """Deliveries that are to be ended, those that must only stand, and tasks that are withdrawn."""
    removed = set(batch.tasks_removed)
    held = sorted(set(batch.tasks_held))
    ended = [hold for hold in held if (hold.key, hold.task) in removed]
    rest = [hold for hold in held if (hold.key, hold.task) not in removed]
    return ended, rest, sorted(removed.difference((hold.key, hold.task) for hold in ended))


async def lost(
    connection: asyncpg.Connection, held: Sequence[TaskHold], server: str
) -> frozenset[tuple[int, int]]:
    """The tasks whose deliveries do not stand any more."""
    arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(_HELD.values(), start=2))
    query = _HOLDS.format(rows=f"unnest({arrays}) AS v({', '.join(_HELD)})")
    found = await connection.fetch(query, server, *map(list, zip(*held, strict=True)))
    return frozenset((hold.key, hold.task) for hold in held).difference(map(tuple, found))
