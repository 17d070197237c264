"""Keeps track of every task that waits or is leased, and of the workers.

A turn of the runtime uses it in three moves: ``offer`` and ``assign`` before the commit,
``deliver`` and ``remove`` after it, or ``retract`` when the commit failed. Between turns
workers come, go and give signs of life. Nothing here waits or does I/O.
"""

from __future__ import annotations

from collections.abc import Iterable

from branchline.server.clock import Clock
from branchline.server.dispatch.assign import ReadyTasks, Roster, assign
from branchline.server.dispatch.limits import Limit, Limits
from branchline.server.dispatch.outbox import CancellationReason, Delivery, WorkerOutbox
from branchline.server.dispatch.payload import Offer, TaskKey
from branchline.server.dispatch.task import PendingTask, Worker
from branchline.server.dispatch.token import TaskToken, TokenMaker
from branchline.server.errors import Reason, ServiceError

Assignment = tuple[PendingTask, Worker]

MOST_READY = 20_000
"""How many waiting tasks are kept in memory; the others stay in the database alone."""


class Dispatcher:
    """The tasks without an outcome and the workers they may go to."""

    def __init__(self, clock: Clock, tokens: TokenMaker, lease: float) -> None:
        self.tokens = tokens
        self.lease = lease
        """Seconds."""
        self.limits = Limits()
        self.tasks: dict[TaskKey, PendingTask] = {}
        self.workers: dict[str, Worker] = {}
        self.backlog = False
        """Whether tasks wait in the database that are not in memory."""
        self._clock = clock
        self._ready = ReadyTasks()
        self._roster = Roster()

    # What a turn does

    def offer(self, tasks: Iterable[PendingTask]) -> None:
        """Let tasks wait for workers."""
        now = self._clock.monotonic()
        for task in tasks:
            full = len(self._ready) >= MOST_READY and task.schedule_timeout is None
            if full and not self._roster.wants(task.offer):
                self.backlog = True
                continue
            self.tasks[task.key] = task
            self._ready.add(task)
            if task.schedule_timeout is not None:
                task.schedule_deadline = now + task.schedule_timeout / 1e6
                self.limits.watch(task.schedule_deadline, Limit.SCHEDULE, task)

    def assign(self) -> list[Assignment]:
        """Who shall get which task; ``deliver`` it, or ``unassign`` it."""
        assignments = assign(self._ready, self._roster)
        for _, worker in assignments:
            worker.promised += 1
        return assignments

    def deliver(self, assignments: Iterable[Assignment]) -> None:
        """Hand tasks over whose lease is stored."""
        now, wall = self._clock.monotonic(), self._clock.now()
        for task, worker in assignments:
            worker.promised -= 1
            if task.gone or self._has_left(worker):
                self._take_back(task, worker)
                continue
            task.delivery += 1
            task.worker = worker
            task.place_freed = False
            task.last_heartbeat = now
            worker.held[task.key] = task
            if task.started_at is None:
                task.started_at = wall
            self._watch_attempt(task, now)
            if worker.outbox is not None:
                worker.outbox.deliver(self._delivery(task))

    def unassign(self, assignments: Iterable[Assignment]) -> None:
        """Take back assignments that could not be stored."""
        for task, worker in reversed(list(assignments)):
            worker.promised -= 1
            self._take_back(task, worker)

    def retract(self, tasks: Iterable[PendingTask]) -> None:
        """Forget tasks that were offered but could not be stored."""
        for task in tasks:
            task.gone = True
            self._ready.discard(task)
            self.tasks.pop(task.key, None)

    def remove(
        self, key: TaskKey, reason: CancellationReason = CancellationReason.WITHDRAWN
    ) -> None:
        """Forget a task that has ended; a worker that is still at it is told to stop."""
        task = self.tasks.pop(key, None)
        if task is None:
            return
        task.gone = True
        worker = task.worker
        if worker is None:
            self._ready.discard(task)
            return
        worker.held.pop(key, None)
        if not task.reported:
            self._tell_to_stop(worker, self.token(task), reason)
        self._free_place(task)
        self._forget_if_idle(worker)

    # What workers say

    def connect(
        self, worker_id: str, offers: tuple[Offer, ...], capacity: int, held: list[TaskToken]
    ) -> tuple[Worker, WorkerOutbox]:
        """A worker has opened a stream; an older one of the same id ends."""
        worker = self._worker(worker_id)
        if worker.outbox is not None:
            message = "another stream came with the same worker id"
            worker.outbox.close(ServiceError(Reason.WORKER_REPLACED, message))
            self._roster.remove(worker)
        worker.offers = offers
        worker.outbox = WorkerOutbox()
        worker.last_seen, worker.silent = self._clock.monotonic(), False
        self._reconcile(worker, held)
        self._roster.remove(worker)
        worker.room = capacity - worker.in_hand
        if worker.room > 0:
            self._roster.add(worker)
        return worker, worker.outbox

    def connect_once(
        self, worker_id: str, offers: tuple[Offer, ...], room: int
    ) -> tuple[Worker, WorkerOutbox]:
        """A worker asks for tasks without a stream; each gets a lease of its own."""
        worker = Worker(worker_id, self._clock.monotonic())
        worker.offers, worker.room, worker.outbox = offers, room, WorkerOutbox()
        self._roster.add(worker)
        return worker, worker.outbox

    def disconnect(self, worker: Worker, outbox: WorkerOutbox | None) -> None:
        """A worker's stream has ended; its leases go on for their time."""
        if worker.outbox is not outbox:
            return
        worker.outbox = None
        self._roster.remove(worker)
        self._forget_if_idle(worker)

    def drain(self, worker: Worker) -> None:
        """A worker wants no more tasks."""
        self._roster.remove(worker)
        worker.offers = ()

    def seen(self, worker: Worker) -> bool:
        """A worker gave a sign of life on its stream; whether it was given up before."""
        worker.last_seen = self._clock.monotonic()
        if not worker.silent:
            return False
        worker.silent = False
        if worker.room > 0 and worker.may_serve:
            self._roster.add(worker)
        return True

    def give_back(self, worker: Worker) -> None:
        """A worker has left and will never hear of the tasks that were sent to it."""
        for task in list(worker.held.values()):
            if not task.reported:
                self.release(task)

    def heartbeat(self, token: TaskToken) -> PendingTask | None:
        """A task's code gave a sign of life; None when its lease has ended."""
        task = self._leased(token)
        if task is not None:
            task.last_heartbeat = self._clock.monotonic()
            if task.expires is not None:
                task.expires = task.last_heartbeat + self.lease
            elif task.worker is not None and task.worker.outbox is None:
                # The server has restarted and cannot know that the worker has no stream.
                task.worker.last_seen = task.last_heartbeat
        return task

    def report(self, token: TaskToken) -> PendingTask:
        """The task of an outcome that has come in; its place is free from now on.

        Raises ``ServiceError`` when the lease has ended (semantics 7.3).
        """
        task = self._leased(token)
        if task is None or task.worker is None or task.reported:
            message = "the task's lease has ended, or it has an outcome already"
            raise ServiceError(Reason.LEASE_LOST, message)
        task.reported = True
        self._free_place(task)
        return task

    def unreport(self, task: PendingTask) -> None:
        """An outcome could not be stored; its worker will report it again."""
        task.reported = False
        task.last_heartbeat = self._clock.monotonic()
        self._watch_attempt(task, task.last_heartbeat)

    def release(self, task: PendingTask) -> None:
        """Let a leased task wait again; its next delivery has another number."""
        if not task.gone:
            self.detach(task)
            self._ready.put_back(task)

    def detach(self, task: PendingTask) -> None:
        """End a lease; a worker that is still at the task is told to stop."""
        worker = task.worker
        if worker is not None:
            worker.held.pop(task.key, None)
            if not task.reported:
                self._tell_to_stop(worker, self.token(task), CancellationReason.LEASE_LOST)
            self._free_place(task)
            self._forget_if_idle(worker)
        task.worker, task.expires, task.reported = None, None, False

    # What time brings

    def lost_leases(self) -> list[PendingTask]:
        """The tasks of workers that have been silent for longer than a lease.

        Such a worker gets no more until it speaks again: it would only lose them, too.
        """
        oldest = self._clock.monotonic() - self.lease
        silent = [worker for worker in self.workers.values() if worker.last_seen <= oldest]
        for worker in silent:
            worker.silent = True
            self._roster.remove(worker)
        return [task for worker in silent for task in worker.held.values() if not task.reported]

    def restore(
        self, task: PendingTask, worker_id: str | None, schedule_deadline: int | None = None
    ) -> None:
        """Take up a task from the database; the deadline is microseconds since the epoch."""
        now = self._clock.monotonic()
        if worker_id is None:
            if schedule_deadline is not None and task.started_at is None:
                task.schedule_timeout = max(schedule_deadline - self._clock.now(), 0)
            self.offer([task])
            if task.started_at is not None and task.key in self.tasks:
                self._watch_attempt(task, now)
            return
        self.tasks[task.key] = task
        task.worker = self._worker(worker_id)
        task.worker.held[task.key] = task
        task.last_heartbeat = now
        self._watch_attempt(task, now)

    @property
    def ready_count(self) -> int:
        """How many tasks wait in memory."""
        return len(self._ready)

    @property
    def starving(self) -> bool:
        """Whether a worker has room for something of which nothing waits in memory."""
        return bool(self._roster.offers() - set(self._ready.offers()))

    def token(self, task: PendingTask) -> str:
        """The token of a task's present delivery."""
        return self.tokens.write(TaskToken(*task.key, task.delivery))

    # Inside

    def _worker(self, worker_id: str) -> Worker:
        worker = self.workers.get(worker_id)
        if worker is None:
            worker = self.workers[worker_id] = Worker(worker_id, self._clock.monotonic())
        return worker

    def _forget_if_idle(self, worker: Worker) -> None:
        if worker.outbox is None and not worker.held and self.workers.get(worker.id) is worker:
            del self.workers[worker.id]

    def _leased(self, token: TaskToken) -> PendingTask | None:
        task = self.tasks.get(TaskKey(token.execution_key, token.task))
        if task is None or task.worker is None or task.delivery != token.delivery:
            return None
        return task

    def _reconcile(self, worker: Worker, held: list[TaskToken]) -> None:
        """Compare what a worker holds with what the server thinks it holds."""
        named = {TaskKey(token.execution_key, token.task): token.delivery for token in held}
        for key, task in list(worker.held.items()):
            if task.reported or named.get(key) == task.delivery:
                named.pop(key, None)
            else:
                self.release(task)
        for key, delivery in named.items():
            token = self.tokens.write(TaskToken(*key, delivery))
            self._tell_to_stop(worker, token, CancellationReason.LEASE_LOST)

    def _has_left(self, worker: Worker) -> bool:
        """Whether a worker will never come back under this object."""
        return worker.outbox is None and self.workers.get(worker.id) is not worker

    def _take_back(self, task: PendingTask, worker: Worker) -> None:
        self._roster.give_room(worker)
        if not task.gone:
            self._ready.put_back(task)
        if worker.outbox is not None:
            worker.outbox.stir()

    def _free_place(self, task: PendingTask) -> None:
        if task.worker is not None and not task.place_freed:
            task.place_freed = True
            self._roster.give_room(task.worker)

    def _watch_attempt(self, task: PendingTask, now: float) -> None:
        if task.timeout is not None and task.attempt_deadline is None:
            spent = self._clock.now() - (task.started_at or self._clock.now())
            task.attempt_deadline = now + (task.timeout - spent) / 1e6
        if task.attempt_deadline is not None:
            self.limits.watch(task.attempt_deadline, Limit.ATTEMPT, task)
        if task.heartbeat_timeout is not None:
            self.limits.watch(now + task.heartbeat_timeout / 1e6, Limit.HEARTBEAT, task)
        if task.worker is not None and self.workers.get(task.worker.id) is not task.worker:
            task.expires = now + self.lease
            self.limits.watch(task.expires, Limit.LEASE, task)

    def _delivery(self, task: PendingTask) -> Delivery:
        return Delivery(
            self.token(task),
            task.activity,
            task.payload,
            task.delivery,
            task.deadline,
            task.heartbeat_timeout,
        )

    @staticmethod
    def _tell_to_stop(worker: Worker, token: str, reason: CancellationReason) -> None:
        if worker.outbox is not None:
            worker.outbox.cancel(token, reason)
