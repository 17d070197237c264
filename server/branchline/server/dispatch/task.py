"""Tasks without an outcome, and the workers that may hold them."""

from __future__ import annotations

from typing import NamedTuple

from branchline.engine import Execution
from branchline.engine.events import TaskScheduled
from branchline.engine.state import Attempt, Memory
from branchline.server.dispatch.outbox import CancellationReason, Delivery, WorkerOutbox
from branchline.server.dispatch.payload import Offer, TaskKey, TaskPayload
from branchline.server.dispatch.token import TaskToken, TokenMaker


class Worker:
    """A worker process, for as long as it is connected or holds a task."""

    def __init__(self, worker_id: str, now: float) -> None:
        self.id = worker_id
        self.offers: tuple[Offer, ...] = ()
        self.room = 0
        """How many more tasks it can take."""
        self.held: dict[TaskKey, PendingTask] = {}
        self.outbox: WorkerOutbox | None = None
        """None while it has no stream."""
        self.last_seen = now
        """Monotonic seconds."""
        self.silent = False
        """Whether it has a stream and yet gave no sign of life for a lease."""
        self.promised = 0
        """How many tasks will be its own once the turn that assigned them is stored."""

    def stop(self, token: str, reason: CancellationReason) -> None:
        """Tell it to stop a task, if it can be told."""
        if self.outbox is not None:
            self.outbox.cancel(token, reason)

    @property
    def may_serve(self) -> bool:
        """Whether it can be sent tasks."""
        return self.is_reachable and not self.silent

    @property
    def is_reachable(self) -> bool:
        """Whether what it is sent gets to it: its stream is there and not about to end."""
        return self.outbox is not None and self.outbox.closed is None

    @property
    def in_hand(self) -> int:
        """How many of its places are taken."""
        return self.promised + sum(not task.place_freed for task in self.held.values())


class PendingTask:
    """A task without an outcome. Time limits are microseconds, moments monotonic seconds."""

    __slots__ = (
        "activity",
        "attempt_deadline",
        "delivery",
        "expires",
        "gone",
        "heartbeat_timeout",
        "key",
        "last_heartbeat",
        "losses",
        "payload",
        "place_freed",
        "queue",
        "reported",
        "schedule_deadline",
        "schedule_timeout",
        "started_at",
        "timeout",
        "worker",
    )

    def __init__(
        self,
        key: TaskKey,
        offer: Offer,
        payload: TaskPayload,
        *,
        timeout: int | None = None,
        heartbeat_timeout: int | None = None,
        schedule_timeout: int | None = None,
    ) -> None:
        self.key = key
        self.queue, self.activity = offer
        self.payload = payload
        self.timeout = timeout
        self.heartbeat_timeout = heartbeat_timeout
        self.schedule_timeout = schedule_timeout
        self.delivery = 0
        self.losses = 0
        """How many leases have ended without an outcome."""
        self.worker: Worker | None = None
        self.started_at: int | None = None
        """When it was first delivered, microseconds since the epoch."""
        self.reported = False
        """Whether an outcome has come in and is about to be stored."""
        self.place_freed = False
        """Whether its worker has room for another in its place."""
        self.gone = False
        """Whether it has ended; queues drop it when they meet it."""
        self.schedule_deadline: float | None = None
        self.attempt_deadline: float | None = None
        self.last_heartbeat = 0.0
        self.expires: float | None = None
        """When the lease of a worker without a stream ends."""

    @property
    def offer(self) -> Offer:
        """What a worker must offer to take it."""
        return self.queue, self.activity

    @property
    def deadline(self) -> int | None:
        """When the attempt is timed out, microseconds since the epoch."""
        if self.timeout is None or self.started_at is None:
            return None
        return self.started_at + self.timeout

    @property
    def is_timed(self) -> bool:
        """Whether time runs for it also while it waits for a worker."""
        if self.started_at is None:
            return self.schedule_timeout is not None
        return self.timeout is not None

    @property
    def is_held(self) -> bool:
        """Whether a worker has it and has told no outcome yet."""
        return self.worker is not None and not self.reported and not self.gone

    def lease_to(self, worker: Worker, now: float) -> None:
        """Give it to a worker; its code counts as just heard of."""
        self.worker = worker
        self.place_freed = False
        self.last_heartbeat = now
        worker.held[self.key] = self

    def as_delivery(self, tokens: TokenMaker) -> Delivery:
        """What its worker is sent."""
        item = self.payload.item or 0
        return Delivery(
            tokens.write(TaskToken(*self.key, self.delivery)),
            tokens.idempotency_key(self.key.execution_key, self.payload.visit, item),
            self.activity,
            self.payload,
            self.delivery,
            self.deadline,
            self.heartbeat_timeout,
        )

    @classmethod
    def scheduled(cls, key: int, state: Execution, event: TaskScheduled) -> PendingTask:
        """The task of an event that has just happened to an execution."""
        branch = state.branches[event.branch]
        item = event.item or 0
        memory = branch.visit.memories.get(item, Memory())
        payload = TaskPayload(
            execution_id=state.id,
            workflow=state.workflow,
            version=state.version,
            branch=event.branch,
            step=branch.step,
            visit=branch.visit.number,
            attempt=event.attempt,
            parameters=event.parameters,
            item=event.item,
            recorded=memory.recorded,
            received=memory.received,
            timed_out=branch.visit.attempts.get(item, Attempt()).timed_out,
        )
        task = cls(
            TaskKey(key, event.task),
            (event.queue, event.activity),
            payload,
            timeout=event.timeout,
            heartbeat_timeout=event.heartbeat_timeout,
            schedule_timeout=event.schedule_timeout,
        )
        task.delivery = event.deliveries
        return task


class Pull(NamedTuple):
    """Room for tasks that wait in the database."""

    offer: Offer
    workers: list[Worker]
    """A worker a task."""
