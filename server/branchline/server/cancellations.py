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

AGAIN = 1.0
"""Seconds after which what could not be done is tried again."""

_SAFETY = 30.0
"""Seconds after which to look though nobody has said that there is anything."""

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
        """Whether it falls to this server to cancel an execution that another has noted, by a
        number that is made of its id."""
        self._wanted = asyncio.Event()
        self._noted = False
        """Whether this server has noted some, which are its own to cancel."""
        self._faults: Counter[str] = Counter()

    def noted(self) -> None:
        """A commit of this server has noted more."""
        self._noted = True
        self._wanted.set()

    def look(self) -> None:
        """Another server may have left some."""
        self._wanted.set()

    async def run(self) -> None:
        """Cancel what there is until cancelled."""
        while True:
            self._wanted.clear()
            everything, self._noted = self._noted, False
            left = await self.run_once(everything=everything)
            self._noted |= everything and left
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN if left else _SAFETY):
                    await self._wanted.wait()

    async def run_once(self, *, everything: bool) -> bool:
        """Go through all that are noted, or those that fall to this server; whether any is left."""
        left, after = False, ""
        try:
            while True:
                rows = await self._store.cancellations(after, PORTION)
                ours = [row for row in rows if everything or self._is_ours(row)]
                left |= not await self._cancel(ours)
                if len(rows) < PORTION:
                    return left
                after = rows[-1].execution_id
        except StoreError as error:
            log.warning("reading cancellations failed", error=str(error))
            return True

    def _is_ours(self, row: Cancellation) -> bool:
        return self.owns(crc32(row.execution_id.encode()))

    async def _cancel(self, rows: Sequence[Cancellation]) -> bool:
        """Cancel some; whether all of them are done with."""
        requests = [CancelChild(row.execution_id, row.reason) for row in rows]
        try:
            for request in requests:
                self._submit(request)
        except ServiceError:
            return False  # It is in the database for the next server.
        answers = [request.reply.future for request in requests]
        errors = dict(
            zip(requests, await asyncio.gather(*answers, return_exceptions=True), strict=True)
        )
        for request, error in errors.items():
            if isinstance(error, ServiceError) and error.reason not in _IN_TIME:
                await self._fault(request.execution_id)
        return not any(errors.values())

    async def _fault(self, execution_id: str) -> None:
        self._faults[execution_id] += 1
        if self._faults[execution_id] < _MOST_FAULTS:
            return
        del self._faults[execution_id]
        message = "cannot be cancelled with its parent, and is left as it is"
        log.error(message, execution=execution_id)
        await self._store.commit(Batch(cancellations_removed=[execution_id]))
