"""Who gets which task: pure bookkeeping, no waiting.

Ready tasks and workers with room meet per offer (queue and activity). Offers take turns and
so do workers, so that neither a busy activity nor a fast worker starves the others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from branchline.server.dispatch.payload import Offer, TaskKey
from branchline.server.dispatch.task import PendingTask, Worker


class ReadyTasks:
    """Tasks that wait for a worker, the oldest of each offer first."""

    def __init__(self) -> None:
        self._by_offer: dict[Offer, OrderedDict[TaskKey, PendingTask]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, task: PendingTask) -> None:
        """Put a task behind the others of its offer."""
        waiting = self._by_offer.setdefault(task.offer, OrderedDict())
        if task.key not in waiting:
            waiting[task.key] = task
            self._count += 1

    def put_back(self, task: PendingTask) -> None:
        """Put a task in front of the others of its offer."""
        self.add(task)
        self._by_offer[task.offer].move_to_end(task.key, last=False)

    def discard(self, task: PendingTask) -> None:
        """Take a task out, if it waits."""
        waiting = self._by_offer.get(task.offer)
        if waiting is not None and waiting.pop(task.key, None) is not None:
            self._took_one(task.offer)

    def has(self, offer: Offer) -> bool:
        """Whether a task of an offer waits."""
        return offer in self._by_offer

    def offers(self) -> list[Offer]:
        """The offers for which tasks wait."""
        return list(self._by_offer)

    def pop(self, offer: Offer) -> PendingTask | None:
        """The oldest task of an offer, None when there is none."""
        waiting = self._by_offer.get(offer)
        if waiting is None:
            return None
        _, task = waiting.popitem(last=False)
        self._took_one(offer)
        return task

    def _took_one(self, offer: Offer) -> None:
        self._count -= 1
        if not self._by_offer[offer]:
            del self._by_offer[offer]


class Roster:
    """Workers with room, by what they offer; whoever was served goes to the end."""

    def __init__(self) -> None:
        self._by_offer: dict[Offer, dict[Worker, None]] = {}

    def add(self, worker: Worker) -> None:
        """Count on a worker that has room and a stream."""
        for offer in worker.offers:
            self._by_offer.setdefault(offer, {})[worker] = None

    def remove(self, worker: Worker) -> None:
        """No longer count on a worker."""
        for offer in worker.offers:
            workers = self._by_offer.get(offer)
            if workers is not None:
                workers.pop(worker, None)
                if not workers:
                    del self._by_offer[offer]

    @property
    def offers(self) -> Iterable[Offer]:
        """Of what workers have room for tasks."""
        return self._by_offer

    def wants(self, offer: Offer) -> bool:
        """Whether a worker has room for a task of an offer."""
        return offer in self._by_offer

    def take_room(self, offer: Offer) -> Worker | None:
        """A worker for a task of an offer, with one place less; None when all are busy."""
        workers = self._by_offer.get(offer)
        if not workers:
            return None
        worker = next(iter(workers))
        worker.room -= 1
        if worker.room <= 0:
            self.remove(worker)
        else:
            del workers[worker]
            workers[worker] = None
        return worker

    def give_room(self, worker: Worker) -> None:
        """One place more at a worker."""
        worker.room += 1
        if worker.room == 1 and worker.may_serve:
            self.add(worker)


def assign(ready: ReadyTasks, roster: Roster) -> list[tuple[PendingTask, Worker]]:
    """Pairs of tasks and workers, until no task waits or no worker for one has room."""
    pairs = []
    offers = ready.offers()
    while offers:
        still_waiting = []
        for offer in offers:
            worker = roster.take_room(offer)
            if worker is None:
                continue
            task = ready.pop(offer)
            if task is None:
                roster.give_room(worker)
                continue
            pairs.append((task, worker))
            still_waiting.append(offer)
        offers = still_waiting
    return pairs
