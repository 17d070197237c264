"""What a turn has decided as rows of the database."""

from __future__ import annotations

from branchline.engine import Status
from branchline.engine.values import encode_text
from branchline.server.dispatch import PendingTask, Worker
from branchline.server.histories import history_rows, snapshot_row
from branchline.server.runtime.live import Change, Live
from branchline.server.statuses import status_number
from branchline.server.storage import (
    Batch,
    ExecutionChange,
    ExecutionRow,
    StatusChange,
    TaskLease,
    TaskRow,
)


def store_change(batch: Batch, change: Change, now: int) -> None:
    """Add what a turn does to an execution."""
    live = change.live
    state = live.state
    if change.events:
        rows = history_rows(live.key, state.sequence, now, change.events)
        batch.history += rows
        change.size = sum(len(row.events) for row in rows)
        live.fresh_bytes += change.size
        if live.wants_snapshot and state.end is None:
            snapshot = snapshot_row(live.key, state)
            batch.snapshots.append(snapshot)
            live.snapshot_bytes, live.fresh_bytes = len(snapshot.state), 0
    wake_at = state.timers.next_due() if state.end is None else None
    status = state.status
    if change.started:
        batch.started.append(execution_row(change.live, wake_at, change.request_id))
    elif status.closed or status is not live.status or wake_at != live.wake_at:
        batch.changed.append(
            ExecutionChange(
                live.key, status_number(status), state.close_time, wake_at, *_ending(live)
            )
        )
    # What is due already may have been left for later: it wants to be woken again.
    change.wake_changed = wake_at is not None and (
        change.started or wake_at != live.wake_at or wake_at <= now
    )
    if change.started and status is not Status.RUNNING:
        batch.status_changes.append(StatusChange(live.key, status_number(Status.RUNNING)))
    if change.started or status is not live.status:
        batch.status_changes.append(StatusChange(live.key, status_number(status)))
    live.status, live.wake_at = status, wake_at


def execution_row(live: Live, wake_at: int | None, request_id: str = "") -> ExecutionRow:
    """An execution as its row tells it."""
    state = live.state
    return ExecutionRow(
        live.key,
        state.id,
        state.workflow,
        state.version,
        status_number(state.status),
        state.start_time,
        state.close_time,
        wake_at,
        request_id or None,
        state.parent or None,
        encode_text(state.labels) if state.labels else None,
        *_ending(live),
    )


def _ending(live: Live) -> tuple[str | None, str | None]:
    """The error and the outputs of an execution as they are stored."""
    state = live.state
    error = None if state.error is None else encode_text(state.error)
    completed = state.end is Status.COMPLETED
    return error, encode_text(state.outputs) if completed else None


def lease_row(task: PendingTask, worker: Worker, now: int) -> TaskLease:
    """The next delivery of a task, to a worker."""
    return TaskLease(*task.key, worker.id, task.delivery + 1, task.started_at or now, task.losses)


def release_row(task: PendingTask) -> TaskLease:
    """A task that waits again."""
    return TaskLease(*task.key, None, task.delivery, task.started_at, task.losses)


def task_row(task: PendingTask, lease: TaskLease | None, now: int) -> TaskRow:
    """A new task, which a worker may have already."""
    schedule = task.schedule_timeout
    return TaskRow(
        *task.key,
        task.queue,
        task.activity,
        encode_text(task.payload),
        worker=lease.worker if lease else None,
        delivery=lease.delivery if lease else task.delivery,
        schedule_deadline=None if schedule is None else now + schedule,
        attempt_timeout=task.timeout,
        heartbeat_timeout=task.heartbeat_timeout,
        started_at=lease.started_at if lease else None,
    )
