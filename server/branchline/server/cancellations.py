"""Cancels the children that a commit has left: nobody waits for them any more (semantics 4.9).

A commit that cancels many thousands of executions would take seconds, and nobody else would be
served meanwhile. So the commit that ends the wait for them only notes most of them, and they are
cancelled after it, some at a time, whatever becomes of the server.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from zlib import crc32

import structlog

from branchline.server.errors import Reason, ServiceError
from branchline.server.runtime import CancelChild
from branchline.server.storage import Batch, Cancellation, Store, StoreError

log = structlog.get_logger(__name__)

PORTION = 250
"""How many are cancelled at a time."""

PAUSE = 1.0
"""Seconds between two looks, for what another server has noted and what could not be done."""

_MOST_FAULTS = 3
"""After so many faults of the server itself an execution is left as it is."""

_IN_TIME = (Reason.STORE_UNAVAILABLE, Reason.SHUTTING_DOWN, Reason.OVERLOADED)
"""What passes."""


class Cancellations:
    """The loop that does it."""

    def __init__(self, store: Store, submit: Callable[[CancelChild], None]) -> None:
        self._store = store
        self._submit = submit
        self.owns: Callable[[int], bool] = lambda _number: True
        """Whether an execution falls to this server, by a number that is made of its id."""
        self._noted = asyncio.Event()
        self._faults: Counter[str] = Counter()

    def look(self) -> None:
        """More have been noted."""
        self._noted.set()

    async def run(self) -> None:
        """Cancel what there is until cancelled."""
        while True:
            self._noted.clear()
            try:
                await self.run_once()
            except StoreError as error:
                log.warning("reading cancellations failed", error=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):
                    await self._noted.wait()

    async def run_once(self) -> int:
        """Go through all that are noted. Returns how many have been dealt with."""
        done, after = 0, ""
        while True:
            rows = await self._store.cancellations(after, PORTION)
            done += await self._cancel([row for row in rows if self._is_ours(row)])
            if len(rows) < PORTION:
                return done
            after = rows[-1].execution_id

    def _is_ours(self, row: Cancellation) -> bool:
        return self.owns(crc32(row.execution_id.encode()))

    async def _cancel(self, rows: Sequence[Cancellation]) -> int:
        requests = [CancelChild(row.execution_id, row.reason) for row in rows]
        try:
            for request in requests:
                self._submit(request)
        except ServiceError:
            return 0  # It is in the database for the next server.
        answers = [request.reply.future for request in requests]
        errors = dict(
            zip(requests, await asyncio.gather(*answers, return_exceptions=True), strict=True)
        )
        for request, error in errors.items():
            if isinstance(error, ServiceError) and error.reason not in _IN_TIME:
                await self._fault(request.execution_id)
        return sum(error is None for error in errors.values())

    async def _fault(self, execution_id: str) -> None:
        self._faults[execution_id] += 1
        if self._faults[execution_id] < _MOST_FAULTS:
            self.look()
            return
        del self._faults[execution_id]
        message = "cannot be cancelled with its parent, and is left as it is"
        log.error(message, execution=execution_id)
        await self._store.commit(Batch(cancellations_removed=[execution_id]))
