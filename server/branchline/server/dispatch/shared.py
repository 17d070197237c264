"""The dispatcher of a server that shares its database with others.

No task waits in memory: what finds no worker at once waits in the database, for whichever server
has one, and is fetched from there together with the commit of a turn.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from branchline.server.clock import Clock
from branchline.server.dispatch.assign import ReadyTasks
from branchline.server.dispatch.dispatcher import Assignment, Dispatcher
from branchline.server.dispatch.fleet import Fleet
from branchline.server.dispatch.left_out import LeftOut
from branchline.server.dispatch.limits import Limits
from branchline.server.dispatch.outbox import CancellationReason
from branchline.server.dispatch.payload import Offer, TaskKey
from branchline.server.dispatch.task import PendingTask, Pull, Worker
from branchline.server.dispatch.token import TaskToken, TokenMaker

_MOST_PULLS = 20
"""Offers of which a turn fetches tasks."""

_MOST_PULLED = 200
"""Tasks of an offer that a turn fetches."""

_MOST_STOPPED = 10_000
"""How many deliveries are remembered that workers were told to stop."""


class SharedDispatcher(Dispatcher):
    """Knows the tasks that this server's workers have; the others are in the database."""

    shared = True

    def __init__(self, clock: Clock, tokens: TokenMaker, lease: float) -> None:
        super().__init__(clock, tokens, lease)
        self._given_back: list[PendingTask] = []
        """Tasks that shall wait again and still count as this server's in the database."""
        self._ended: set[TaskKey] = set()
        """What has ended since the turn began to fetch tasks: it may be among them."""
        self._stopped: OrderedDict[TaskToken, None] = OrderedDict()
        """Deliveries that workers were told here to stop, the earliest first."""

    def assign(self) -> list[Assignment]:
        """See Dispatcher."""
        assignments = super().assign()
        for offer in self._ready.offers():
            while (task := self._ready.pop(offer)) is not None:
                self._drop(task)
                self.left_out.add(offer, stored=False)
        return assignments

    def pulls(self) -> list[Pull]:
        """See Dispatcher; each of them is to be handed to ``pulled`` or ``not_pulled``."""
        self._ended.clear()
        wanted = []
        for offer in [offer for offer in self.left_out.offers if self._roster.wants(offer)]:
            # Whatever is left out from now on is found by the next look.
            self.left_out.offers.discard(offer)
            workers = self._reserve(offer)
            wanted.append(Pull(offer, workers))
            if len(wanted) == _MOST_PULLS:
                break
        return wanted

    def pulled(self, pulls: Iterable[Pull], tasks: Iterable[PendingTask]) -> None:
        """See Dispatcher."""
        now = self._clock.monotonic()
        fetched: dict[Offer, list[PendingTask]] = {}
        for task in tasks:
            fetched.setdefault(task.offer, []).append(task)
        for pull in pulls:
            found = fetched.get(pull.offer, [])
            for worker, task in zip(pull.workers, found, strict=False):
                if task.key in self._ended:
                    self._give_up_on([worker])
                    continue
                worker.promised -= 1
                self.lose(task.key)  # an earlier delivery, of whose end nobody has told yet
                self._hand_over(task, worker, now)
            self._give_up_on(pull.workers[len(found) :])
            if len(found) == len(pull.workers):
                self.left_out.offers.add(pull.offer)  # there may be more

    def not_pulled(self, pulls: Iterable[Pull]) -> None:
        """See Dispatcher."""
        for pull in pulls:
            self.left_out.offers.add(pull.offer)
            self._give_up_on(pull.workers)

    def inherit(self, task: PendingTask, worker_id: str | None) -> None:
        """Take up a leased task whose server is gone.

        A worker that has a stream here has told what it holds, and this was not among it.
        """
        self.restore(task, worker_id)
        if task.worker is not None and task.worker.outbox is not None:
            self.release(task)

    def adopt(self, task: PendingTask, worker_id: str | None) -> None:
        """Take up a leased task that a worker has named here and another server had.

        It may have named it before it heard that it is to stop, and has let go of it since.
        """
        self.restore(task, worker_id)
        told = TaskToken(*task.key, task.delivery) in self._stopped
        if told and task.worker is not None and task.worker.outbox is not None:
            self.release(task)

    def detach(self, task: PendingTask) -> None:
        """See Dispatcher."""
        super().detach(task)
        self._note_stopped(TaskToken(*task.key, task.delivery))

    def take_given_back(self) -> list[PendingTask]:
        """See Dispatcher."""
        taken, self._given_back = self._given_back, []
        return taken

    def keep_given_back(self, tasks: Iterable[PendingTask]) -> None:
        """See Dispatcher."""
        self._given_back += tasks

    @property
    def has_work(self) -> bool:
        """See Dispatcher."""
        return bool(self._given_back) or any(map(self._roster.wants, self.left_out.offers))

    def release(self, task: PendingTask) -> None:
        """Let a leased task wait again, in the database; what its activity said is kept."""
        if task.gone:
            return
        self.detach(task)
        task.gone = True
        self.tasks.pop(task.key, None)
        self.limits.forget(task)
        self._given_back.append(task)
        self.left_out.add(task.offer, stored=False)

    def remove(
        self, key: TaskKey, reason: CancellationReason = CancellationReason.WITHDRAWN
    ) -> None:
        """See Dispatcher."""
        self._ended.add(key)
        super().remove(key, reason)
        self.progress.end(key)

    def lose(self, key: TaskKey) -> None:
        """The delivery of a task that is known here is over, though the task need not be."""
        task = self.tasks.get(key)
        if task is not None:
            self.detach(task)
            self.forget(key)

    def look_everywhere(self) -> None:
        """Let the next turn look for tasks for all workers with room, whatever was told."""
        self.left_out.offers.update(self._roster.offers)

    def is_given_back(self, token: TaskToken) -> bool:
        """Whether a delivery is over, although the database does not know it yet."""
        return any((*task.key, task.delivery) == token for task in self._given_back)

    def reset(self) -> None:
        """Forget all tasks and all workers, who must come again: the others gave this server up."""
        for task in list(self.tasks.values()):
            self._drop(task)
        self.limits = Limits()
        self.left_out = LeftOut()
        self._given_back = []
        self._ready = ReadyTasks()
        self._fleet = Fleet(self._clock)
        self._roster = self._fleet.roster

    # Inside

    def _miss(self, task: PendingTask, worker: Worker) -> None:
        """See Dispatcher: the database knows the task as the worker's."""
        if task.gone:
            self._take_back(task, worker)
            return
        task.delivery += 1
        self._hand_over(task, worker, self._clock.monotonic())

    def _reconcile(self, worker: Worker, held: list[TaskToken]) -> None:
        """See Dispatcher."""
        super()._reconcile(worker, held)
        for token in held:
            if self._leased(token) is None:
                self._note_stopped(token)
            else:
                self._stopped.pop(token, None)  # It has not heard of that.

    def _note_stopped(self, token: TaskToken) -> None:
        self._stopped[token] = None
        if len(self._stopped) > _MOST_STOPPED:
            self._stopped.popitem(last=False)

    def _reserve(self, offer: Offer) -> list[Worker]:
        """Workers for tasks of an offer, one a task."""
        workers: list[Worker] = []
        while len(workers) < _MOST_PULLED and (worker := self._roster.take_room(offer)) is not None:
            worker.promised += 1
            workers.append(worker)
        return workers

    def _give_up_on(self, workers: Iterable[Worker]) -> None:
        """Workers to whom tasks were promised get none."""
        for worker in workers:
            worker.promised -= 1
            self._roster.give_room(worker)
            if worker.outbox is not None:
                worker.outbox.stir()

    def _hand_over(self, task: PendingTask, worker: Worker, now: float) -> None:
        """Let a worker have a task that the database knows as its own already."""
        self.tasks[task.key] = task
        self._lease(task, worker, now)
        if not worker.is_reachable:
            self.release(task)
