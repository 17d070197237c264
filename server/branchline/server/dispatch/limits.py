"""When tasks run out of time: moments in order, looked at again when they come."""

from __future__ import annotations

from enum import Enum, auto
from heapq import heapify, heappop, heappush
from itertools import count

from branchline.server.dispatch.task import PendingTask

_SLACK = 64
"""How many stale entries the heap may have beyond one for each that is not."""


class Limit(Enum):
    """What a task may run out of."""

    SCHEDULE = auto()
    """No worker took it in time (semantics 8.5)."""
    ATTEMPT = auto()
    """The attempt took too long (semantics 8.5)."""
    HEARTBEAT = auto()
    """Its code gave no sign of life (semantics 8.5)."""
    LEASE = auto()
    """Its worker, one without a stream, did not keep the lease up (semantics 7.3)."""


class Limits:
    """The moments (monotonic seconds) at which a limit of a task may be reached.

    A heap gives the earliest in constant time. An entry of the heap that the table does not
    confirm is stale; stale entries are dropped once they reach the top, or once they are more
    than the others.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Limit, PendingTask]] = []
        self._moments: dict[tuple[Limit, PendingTask], float] = {}
        self._order = count()

    def __len__(self) -> int:
        """How many entries are kept, stale ones too."""
        return len(self._heap)

    def watch(self, moment: float, limit: Limit, task: PendingTask) -> None:
        """Look at a limit of a task at a moment, or before if that is intended already."""
        intended = self._moments.get((limit, task))
        if intended is None or moment < intended:
            self._moments[limit, task] = moment
            heappush(self._heap, (moment, next(self._order), limit, task))
            self._drop_stale()

    def watch_attempt(self, task: PendingTask, now: float, wall: int) -> None:
        """Look at an attempt's own limits; ``wall`` is now, too, microseconds since the epoch."""
        if task.timeout is not None and task.attempt_deadline is None:
            spent = wall - (task.started_at or wall)
            task.attempt_deadline = now + (task.timeout - spent) / 1e6
        if task.attempt_deadline is not None:
            self.watch(task.attempt_deadline, Limit.ATTEMPT, task)
        if task.heartbeat_timeout is not None:
            self.watch(now + task.heartbeat_timeout / 1e6, Limit.HEARTBEAT, task)

    def forget(self, task: PendingTask) -> None:
        """Look at none of a task's limits any more."""
        if self._moments:
            for limit in Limit:
                self._moments.pop((limit, task), None)
            self._drop_stale()

    def next_moment(self) -> float | None:
        """The earliest moment, None without any."""
        return self._heap[0][0] if self._heap else None

    def reached(self, now: float) -> list[tuple[Limit, PendingTask]]:
        """The limits that tasks have reached, each once; those put off are watched again."""
        reached: list[tuple[Limit, PendingTask]] = []
        while self._heap and self._heap[0][0] <= now:
            _, _, limit, task = heappop(self._heap)
            del self._moments[limit, task]
            moment = None if task.gone or task.reported else _moment(limit, task)
            if moment is not None and moment <= now:
                reached.append((limit, task))
            elif moment is not None:
                self.watch(moment, limit, task)
            self._drop_stale()
        return reached

    def _drop_stale(self) -> None:
        heap, moments = self._heap, self._moments
        while heap and moments.get((heap[0][2], heap[0][3])) != heap[0][0]:
            heappop(heap)
        if len(heap) > 2 * len(moments) + _SLACK:
            self._heap = [entry for entry in heap if moments.get((entry[2], entry[3])) == entry[0]]
            heapify(self._heap)


def _moment(limit: Limit, task: PendingTask) -> float | None:
    """When the limit is reached as things stand now, None when it no longer matters."""
    if limit is Limit.SCHEDULE:
        return task.schedule_deadline if task.started_at is None else None
    if limit is Limit.ATTEMPT:
        return task.attempt_deadline
    if task.worker is None:
        return None
    if limit is Limit.HEARTBEAT:
        return task.last_heartbeat + (task.heartbeat_timeout or 0) / 1e6
    return task.expires
