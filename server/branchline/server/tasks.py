"""Tasks as the database has them."""

from __future__ import annotations

import msgspec

from branchline.server.dispatch import PendingTask, TaskKey, TaskPayload
from branchline.server.storage import TaskRow

_decode_payload = msgspec.json.Decoder(TaskPayload).decode


def pending_task(row: TaskRow) -> PendingTask:
    """The task of a row."""
    task = PendingTask(
        TaskKey(row.key, row.task),
        (row.queue, row.activity),
        _decode_payload(row.payload),
        timeout=row.attempt_timeout,
        heartbeat_timeout=row.heartbeat_timeout,
    )
    task.delivery = row.delivery
    task.losses = row.losses
    task.started_at = row.started_at
    return task
