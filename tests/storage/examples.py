"""Rows to store, and files."""

from __future__ import annotations

import json
from pathlib import Path

from branchline.server.storage import ExecutionRow, HistoryRow, SnapshotRow, TaskRow

NOW = 1_800_000_000_000_000
RUNNING, SUSPENDED, COMPLETED, FAILED = 1, 2, 4, 5
ANY = (RUNNING, SUSPENDED, COMPLETED, FAILED)


def execution(
    key: int,
    *,
    workflow: str = "order",
    status: int = RUNNING,
    close_time: int | None = None,
    wake_at: int | None = None,
    request_id: str | None = None,
    parent: str | None = None,
    labels: dict[str, str] | None = None,
) -> ExecutionRow:
    """An execution that started ``key`` microseconds after NOW."""
    return ExecutionRow(
        key=key,
        id=f"exec_{key}",
        workflow=workflow,
        version=1,
        status=status,
        start_time=NOW + key,
        close_time=close_time,
        wake_at=wake_at,
        request_id=request_id,
        parent=parent,
        labels=json.dumps(labels) if labels else None,
    )


def transition(key: int, first: int, last: int, events: str = "[]") -> HistoryRow:
    """A row of a history."""
    return HistoryRow(key, first, last, NOW + first, events)


def snapshot(key: int, sequence: int) -> SnapshotRow:
    """A snapshot that says where it was made."""
    return SnapshotRow(key, sequence, f'{{"at":{sequence}}}')


def task(key: int, number: int = 1) -> TaskRow:
    """A task that nobody has."""
    return TaskRow(key, number, "default", "charge", '{"amount":1}')


def content(path: Path) -> bytes:
    """What a file holds; a test may wait for a disk."""
    return path.read_bytes()


def size(path: Path) -> int:
    """The size of a file in bytes."""
    return path.stat().st_size
