"""When tasks run out of time: moments in order, looked at again when they come."""

from __future__ import annotations

from enum import Enum, auto
from heapq import heappop, heappush
from itertools import count

from branchline.server.dispatch.task import PendingTask


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
    """The moments (monotonic seconds) at which a limit of a task may be reached."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Limit, PendingTask]] = []
        self._order = count()

    def watch(self, moment: float, limit: Limit, task: PendingTask) -> None:
        """Look at a limit of a task at a moment."""
        heappush(self._heap, (moment, next(self._order), limit, task))

    def next_moment(self) -> float | None:
        """The earliest moment, None without any."""
        return self._heap[0][0] if self._heap else None

    def reached(self, now: float) -> list[tuple[Limit, PendingTask]]:
        """The limits that tasks have reached, each once; those put off are watched again."""
        reached: dict[tuple[Limit, PendingTask], None] = {}
        while self._heap and self._heap[0][0] <= now:
            _, _, limit, task = heappop(self._heap)
            moment = None if task.gone or task.reported else _moment(limit, task)
            if moment is not None and moment <= now:
                reached[limit, task] = None
            elif moment is not None:
                self.watch(moment, limit, task)
        return list(reached)


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
