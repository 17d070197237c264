"""Keeps track of every task that waits or is leased, and of the workers.

A turn of the runtime uses it in three moves: ``offer`` and ``assign`` before the commit,
``deliver`` and ``remove`` after it, or ``retract`` when the commit failed. Between turns
workers come, go and give signs of life. Nothing here waits or does I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from branchline.server.clock import Clock
from branchline.server.dispatch.assign import ReadyTasks, assign
from branchline.server.dispatch.fleet import Fleet
from branchline.server.dispatch.left_out import LeftOut
from branchline.server.dispatch.limits import Limit, Limits
from branchline.server.dispatch.outbox import CancellationReason, WorkerOutbox
from branchline.server.dispatch.payload import Offer, TaskKey
from branchline.server.dispatch.progress import LatestProgress
from branchline.server.dispatch.task import PendingTask, Pull, Worker
from branchline.server.dispatch.token import TaskToken, TokenMaker
from branchline.server.errors import Reason, ServiceError

Assignment = tuple[PendingTask, Worker]


MOST_READY = 20_000
"""How many waiting tasks are kept in memory; the others stay in the database alone."""


class Dispatcher:
    """The tasks without an outcome and the workers they may go to."""

    shared = False
    """Whether other servers have the same database."""

    def __init__(self, clock: Clock, tokens: TokenMaker, lease: float) -> None:
        self.tokens = tokens
        self.lease = lease
        """Seconds."""
        self.limits = Limits()
        self.tasks: dict[TaskKey, PendingTask] = {}
        self.left_out = LeftOut()
        self.progress = LatestProgress()
        self._clock = clock
        self._ready = ReadyTasks()
        self._fleet = Fleet(clock)
        self._roster = self._fleet.roster

    # What a turn does

    def offer(self, tasks: Iterable[PendingTask]) -> None:
        """Let tasks wait for workers."""
        for task in tasks:
            if not self._keep(task):
                self.left_out.add(task.offer, stored=False)

    def assign(self) -> list[Assignment]:
        """Who shall get which task; ``deliver`` it, or ``unassign`` it."""
        assignments = assign(self._ready, self._roster)
        for _, worker in assignments:
            worker.promised += 1
        return assignments

    def pulls(self) -> list[Pull]:
        """What is to be fetched from the database for workers with room."""
        return []

    def pulled(self, pulls: Iterable[Pull], tasks: Iterable[PendingTask]) -> None:
        """Hand over what was fetched; what was not gives its worker room again."""

    def not_pulled(self, pulls: Iterable[Pull]) -> None:
        """Nothing could be fetched."""

    def take_given_back(self) -> list[PendingTask]:
        """The tasks that are to be stored as waiting."""
        return []

    def keep_given_back(self, tasks: Iterable[PendingTask]) -> None:
        """Those could not be stored."""

    @property
    def has_work(self) -> bool:
        """Whether workers with room and tasks in the database could come together."""
        return False

    def deliver(self, assignments: Iterable[Assignment]) -> None:
        """The turn is stored: hand the tasks over that it has leased."""
        self.left_out.stored()
        now, wall = self._clock.monotonic(), self._clock.now()
        for task, worker in assignments:
            worker.promised -= 1
            if task.gone or not worker.is_reachable:
                self._miss(task, worker)
                continue
            task.delivery += 1
            if task.started_at is None:
                task.started_at = wall
            self._lease(task, worker, now)

    def unassign(self, assignments: Iterable[Assignment]) -> None:
        """Take back assignments that could not be stored."""
        for task, worker in reversed(list(assignments)):
            worker.promised -= 1
            self._take_back(task, worker)

    def retract(self, tasks: Iterable[PendingTask]) -> None:
        """Forget tasks that were offered but could not be stored."""
        for task in tasks:
            self._drop(task)
            self._ready.discard(task)

    def remove(
        self, key: TaskKey, reason: CancellationReason = CancellationReason.WITHDRAWN
    ) -> None:
        """Forget a task that has ended; a worker that is still at it is told to stop."""
        self.left_out.ended(key)
        task = self.tasks.get(key)
        if task is None:
            return
        self._drop(task)
        worker = task.worker
        if worker is None:
            self._ready.discard(task)
            return
        worker.held.pop(key, None)
        if not task.reported:
            worker.stop(self.token(task), reason)
        self._fleet.free_place(task)
        self._fleet.forget_if_idle(worker)

    def forget(self, key: TaskKey) -> None:
        """Another server has a task now."""
        task = self.tasks.get(key)
        if task is None:
            return
        worker = task.worker
        if worker is not None:
            worker.held.pop(key, None)
            self._fleet.free_place(task)
            self._fleet.forget_if_idle(worker)
        self._drop(task)

    # What workers say

    def connect(
        self, worker_id: str, offers: tuple[Offer, ...], capacity: int, held: list[TaskToken]
    ) -> tuple[Worker, WorkerOutbox]:
        """A worker has opened a stream; an older one of the same id ends."""
        worker, outbox = self._fleet.open(worker_id, offers)
        self._reconcile(worker, held)
        self._fleet.set_capacity(worker, capacity)
        return worker, outbox

    def connect_once(
        self, worker_id: str, offers: tuple[Offer, ...], room: int
    ) -> tuple[Worker, WorkerOutbox]:
        """A worker asks for tasks without a stream; each gets a lease of its own."""
        return self._fleet.open_once(worker_id, offers, room)

    def disconnect(self, worker: Worker, outbox: WorkerOutbox) -> None:
        """A worker's stream has ended; its leases go on for their time."""
        self._fleet.close(worker, outbox)

    def drain(self, worker: Worker, outbox: WorkerOutbox) -> None:
        """A worker wants no more tasks on a stream."""
        self._fleet.drain(worker, outbox)

    def seen(self, worker: Worker, outbox: WorkerOutbox) -> bool:
        """A worker gave a sign of life on a stream; whether it was given up before."""
        return self._fleet.seen(worker, outbox)

    def take_unsent(self, outbox: WorkerOutbox) -> None:
        """A stream has ended: what was still to be sent on it goes to other workers."""
        for delivery in outbox.take().deliveries:
            task = self._leased(self.tokens.read(delivery.token))
            if task is not None:
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
        self._fleet.free_place(task)
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
                worker.stop(self.token(task), CancellationReason.LEASE_LOST)
            self._fleet.free_place(task)
            self._fleet.forget_if_idle(worker)
        task.worker, task.expires, task.reported = None, None, False

    # What time brings

    def lost_leases(self) -> list[PendingTask]:
        """The tasks of workers that have been silent for longer than a lease.

        Such a worker gets no more until it speaks again: it would only lose them, too.
        """
        silent = self._fleet.silence(self._clock.monotonic() - self.lease)
        return [task for worker in silent for task in worker.held.values() if not task.reported]

    def excuse(self, seconds: float) -> None:
        """The server was held up for so long: what workers said meanwhile is still unread.

        No lease and no heartbeat's timeout runs in such a time.
        """
        now = self._clock.monotonic()
        self._fleet.excuse(seconds)
        for task in self.tasks.values():
            task.last_heartbeat = min(task.last_heartbeat + seconds, now)
            if task.expires is not None:
                task.expires = min(task.expires + seconds, now + self.lease)

    # What the database has

    def restore(
        self, task: PendingTask, worker_id: str | None, schedule_deadline: int | None = None
    ) -> None:
        """Take up a task from the database; the deadline is microseconds since the epoch."""
        now = self._clock.monotonic()
        if worker_id is None:
            if schedule_deadline is not None and task.started_at is None:
                task.schedule_timeout = max(schedule_deadline - self._clock.now(), 0)
            if not self._keep(task):
                self.left_out.add(task.offer, stored=True)
            elif task.started_at is not None:
                self._watch_attempt(task, now)
            return
        self.tasks[task.key] = task
        task.lease_to(self._fleet.named(worker_id), now)
        self._watch_attempt(task, now)

    @property
    def workers(self) -> Mapping[str, Worker]:
        """The workers that are connected or hold tasks, by id."""
        return self._fleet.by_id

    @property
    def ready_count(self) -> int:
        """How many tasks wait in memory."""
        return len(self._ready)

    def lacks(self, offer: Offer) -> bool:
        """Whether a worker has room for something of which nothing waits in memory."""
        return self._roster.wants(offer) and not self._ready.has(offer)

    def token(self, task: PendingTask) -> str:
        """The token of a task's present delivery."""
        return self.tokens.write(TaskToken(*task.key, task.delivery))

    # Inside

    def _lease(self, task: PendingTask, worker: Worker, now: float) -> None:
        task.lease_to(worker, now)
        self._watch_attempt(task, now)
        if worker.outbox is not None:
            worker.outbox.deliver(task.as_delivery(self.tokens))

    def _keep(self, task: PendingTask) -> bool:
        """Let a task wait in memory; False when it is left to the database."""
        full = len(self._ready) >= MOST_READY and not task.is_timed
        if full and not self._roster.wants(task.offer):
            return False
        self.tasks[task.key] = task
        self._ready.add(task)
        if task.schedule_timeout is not None:
            task.schedule_deadline = self._clock.monotonic() + task.schedule_timeout / 1e6
            self.limits.watch(task.schedule_deadline, Limit.SCHEDULE, task)
        return True

    def _drop(self, task: PendingTask) -> None:
        task.gone = True
        self.tasks.pop(task.key, None)
        self.limits.forget(task)
        self.progress.forget(task.key)

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
            worker.stop(token, CancellationReason.LEASE_LOST)

    def _miss(self, task: PendingTask, worker: Worker) -> None:
        """A task that is stored as leased does not reach its worker."""
        self._take_back(task, worker)

    def _take_back(self, task: PendingTask, worker: Worker) -> None:
        self._roster.give_room(worker)
        if not task.gone:
            self._ready.put_back(task)
        if worker.outbox is not None:
            worker.outbox.stir()

    def _watch_attempt(self, task: PendingTask, now: float) -> None:
        self.limits.watch_attempt(task, now, self._clock.now())
        if task.worker is not None and not self._fleet.knows(task.worker):
            task.expires = now + self.lease
            self.limits.watch(task.expires, Limit.LEASE, task)
