"""Ends what takes too long: attempts, silent activities, silent workers (semantics 7.3, 8.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog

from branchline.engine import FailTask
from branchline.engine.events import Failure
from branchline.server.clock import Clock
from branchline.server.dispatch import Dispatcher, Limit, PendingTask
from branchline.server.errors import ServiceError
from branchline.server.runtime import FailLeasedTask

log = structlog.get_logger(__name__)

MESSAGES = {
    Limit.SCHEDULE: "no worker took the task within the step's schedule_timeout",
    Limit.ATTEMPT: "the attempt took longer than its timeout",
    Limit.HEARTBEAT: "the activity gave no sign of life within the step's heartbeat_timeout",
}
"""Why an attempt is a ``timeout`` error."""

_RETRY = 1.0
"""Seconds before something that could not be stored is tried again."""


class Watchdog:
    """Looks at time limits and leases."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        clock: Clock,
        fail: Callable[[FailLeasedTask], None],
        released: Callable[[], None],
        max_deliveries: int,
    ) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._fail = fail
        self._released = released
        self._max_deliveries = max_deliveries
        self._tick = min(dispatcher.lease / 4, 1.0)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        late = 0.0
        while True:
            self.run_once(late)
            now = self._clock.monotonic()
            moment = self._dispatcher.limits.next_moment()
            pause = self._tick if moment is None else min(self._tick, moment - now)
            pause = max(pause, 0.001)
            await asyncio.sleep(pause)
            late = self._clock.monotonic() - now - pause

    def run_once(self, late: float = 0.0) -> int:
        """End or release what has run out of time. Returns how many tasks that were.

        ``late`` tells by how many seconds the look comes later than it was meant to.
        """
        if late > self._tick:
            self._dispatcher.excuse(late)
        reached = self._dispatcher.limits.reached(self._clock.monotonic())
        for limit, task in reached:
            if limit is Limit.LEASE:
                self._lose(task)
            else:
                self._time_out(limit, task)
        lost = self._dispatcher.lost_leases()
        for task in lost:
            self._lose(task)
        return len(reached) + len(lost)

    def _time_out(self, limit: Limit, task: PendingTask) -> None:
        watch = self._dispatcher.limits.watch
        again = partial(watch, self._clock.monotonic() + _RETRY, limit, task)
        self._end(task, Failure("timeout", MESSAGES[limit]), again)

    def _end(self, task: PendingTask, failure: Failure, again: Callable[[], None]) -> None:
        # A server that goes down takes in nothing more; the next start looks again.
        with suppress(ServiceError):
            self._fail(FailLeasedTask(task, FailTask(task.key.task, failure), again))

    def _lose(self, task: PendingTask) -> None:
        """A lease has ended: another delivery, or the end of the attempt (7.3)."""
        if task.worker is None:
            return  # It was watched twice and is released already.
        task.losses += 1
        log.info(
            "lease ended",
            execution=task.payload.execution_id,
            activity=task.activity,
            delivery=task.delivery,
        )
        if task.losses < self._max_deliveries:
            self._dispatcher.release(task)
            self._released()
            return
        message = f"the task was delivered {task.delivery} times and no worker ended it"
        self._dispatcher.detach(task)
        self._end(task, Failure("worker_lost", message), partial(self._dispatcher.release, task))
