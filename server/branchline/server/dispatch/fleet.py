"""The workers: who has a stream, who is silent, who has room."""

from __future__ import annotations

from branchline.server.clock import Clock
from branchline.server.dispatch.assign import Roster
from branchline.server.dispatch.outbox import WorkerOutbox
from branchline.server.dispatch.payload import Offer
from branchline.server.dispatch.task import PendingTask, Worker
from branchline.server.errors import Reason, ServiceError


class Fleet:
    """The workers that are connected or hold tasks.

    Streams that follow on each other under one id share a worker. What a stream says counts
    only while it is the worker's own: its last words may come in after the next has begun.
    """

    def __init__(self, clock: Clock) -> None:
        self.by_id: dict[str, Worker] = {}
        self.roster = Roster()
        self._clock = clock

    def named(self, worker_id: str) -> Worker:
        """The worker of an id, known or new."""
        worker = self.by_id.get(worker_id)
        if worker is None:
            worker = self.by_id[worker_id] = Worker(worker_id, self._clock.monotonic())
        return worker

    def knows(self, worker: Worker) -> bool:
        """Whether a worker may be met again under its id; one that polls may not."""
        return self.by_id.get(worker.id) is worker

    def open(self, worker_id: str, offers: tuple[Offer, ...]) -> tuple[Worker, WorkerOutbox]:
        """A worker has opened a stream; an older one of the same id ends. It has no room yet."""
        worker = self.named(worker_id)
        if worker.outbox is not None:
            message = "another stream came with the same worker id"
            worker.outbox.close(ServiceError(Reason.WORKER_REPLACED, message))
            self.roster.remove(worker)
        worker.offers = offers
        worker.outbox = WorkerOutbox()
        worker.last_seen, worker.silent = self._clock.monotonic(), False
        return worker, worker.outbox

    def open_once(
        self, worker_id: str, offers: tuple[Offer, ...], room: int
    ) -> tuple[Worker, WorkerOutbox]:
        """A worker asks for tasks without a stream."""
        worker = Worker(worker_id, self._clock.monotonic())
        worker.offers, worker.room, worker.outbox = offers, room, WorkerOutbox()
        self.roster.add(worker)
        return worker, worker.outbox

    def close(self, worker: Worker, outbox: WorkerOutbox) -> None:
        """A worker's stream has ended."""
        if worker.outbox is outbox:
            worker.outbox = None
            self.roster.remove(worker)
            self.forget_if_idle(worker)

    def drain(self, worker: Worker, outbox: WorkerOutbox) -> None:
        """A worker wants no more tasks."""
        if worker.outbox is outbox:
            self.roster.remove(worker)
            worker.offers = ()

    def seen(self, worker: Worker, outbox: WorkerOutbox) -> bool:
        """A worker gave a sign of life; whether it was given up before."""
        if worker.outbox is not outbox:
            return False
        worker.last_seen = self._clock.monotonic()
        if not worker.silent:
            return False
        worker.silent = False
        if worker.room > 0 and worker.may_serve:
            self.roster.add(worker)
        return True

    def silence(self, since: float) -> list[Worker]:
        """The workers that were last seen by a moment; they get no more until they speak again."""
        silent = [worker for worker in self.by_id.values() if worker.last_seen <= since]
        for worker in silent:
            worker.silent = True
            self.roster.remove(worker)
        return silent

    def excuse(self, seconds: float) -> None:
        """Let so much of the time in which nobody could be heard not count."""
        now = self._clock.monotonic()
        for worker in self.by_id.values():
            worker.last_seen = min(worker.last_seen + seconds, now)

    def set_capacity(self, worker: Worker, capacity: int) -> None:
        """How many tasks a worker can have, those in its hands included."""
        self.roster.remove(worker)
        worker.room = capacity - worker.in_hand
        if worker.room > 0:
            self.roster.add(worker)

    def free_place(self, task: PendingTask) -> None:
        """A leased task no longer takes room, if it still did."""
        if task.worker is not None and not task.place_freed:
            task.place_freed = True
            self.roster.give_room(task.worker)

    def forget_if_idle(self, worker: Worker) -> None:
        """Drop a worker without a stream and tasks."""
        if worker.outbox is None and not worker.held and self.knows(worker):
            del self.by_id[worker.id]
