"""Tasks on their way to workers: what waits, who has room, who holds what (semantics 7)."""

from branchline.server.dispatch.dispatcher import Assignment, Dispatcher
from branchline.server.dispatch.limits import Limit
from branchline.server.dispatch.outbox import (
    Ack,
    CancellationReason,
    Delivery,
    RecordAnswer,
    WorkerOutbox,
)
from branchline.server.dispatch.payload import Offer, TaskKey, TaskPayload
from branchline.server.dispatch.progress import LatestProgress, Told, with_progress
from branchline.server.dispatch.shared import SharedDispatcher
from branchline.server.dispatch.task import PendingTask, Pull, Worker
from branchline.server.dispatch.token import TaskToken, TokenMaker

__all__ = [
    "Ack",
    "Assignment",
    "CancellationReason",
    "Delivery",
    "Dispatcher",
    "LatestProgress",
    "Limit",
    "Offer",
    "PendingTask",
    "Pull",
    "RecordAnswer",
    "SharedDispatcher",
    "TaskKey",
    "TaskPayload",
    "TaskToken",
    "TokenMaker",
    "Told",
    "Worker",
    "WorkerOutbox",
    "with_progress",
]
