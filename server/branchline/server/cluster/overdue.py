"""Tasks whose time is over while they wait in the database, where no server watches them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from branchline.engine import FailTask
from branchline.engine.events import Failure
from branchline.server.clock import Clock
from branchline.server.dispatch import Limit
from branchline.server.errors import ServiceError
from branchline.server.runtime import FailLeasedTask
from branchline.server.storage import Peers, StoreError
from branchline.server.tasks import pending_task
from branchline.server.watchdog import MESSAGES

log = structlog.get_logger(__name__)

_PAUSE = 1.0
"""Seconds between two looks."""

_MOST = 500
"""How many tasks are ended at a look."""


class Overdue:
    """Ends them; each server those of the executions that fall to it."""

    def __init__(
        self,
        peers: Peers,
        clock: Clock,
        owns: Callable[[int], bool],
        fail: Callable[[FailLeasedTask], None],
    ) -> None:
        self._peers = peers
        self._clock = clock
        self._owns = owns
        self._fail = fail

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE)
            try:
                await self.run_once()
            except StoreError as error:
                log.warning("looking for overdue tasks failed", error=str(error))

    async def run_once(self) -> int:
        """End what is overdue. Returns how many tasks that were."""
        rows = await self._peers.overdue(self._clock.now(), _MOST)
        own = [row for row in rows if self._owns(row.key)]
        for row in own:
            limit = Limit.SCHEDULE if row.started_at is None else Limit.ATTEMPT
            command = FailTask(row.task, Failure("timeout", MESSAGES[limit]))
            # A server that goes down takes in nothing more; another one looks again.
            with suppress(ServiceError):
                self._fail(FailLeasedTask(pending_task(row), command, _look_again))
        return len(own)


def _look_again() -> None:
    """The next look finds the task again."""
