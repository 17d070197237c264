"""Wakes executions when something in them is due (semantics 10.3).

Due times live in the database. Those of the next while are also in memory; the rest is read
when its time comes near, so that a hundred thousand sleepers cost nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from heapq import heappop, heappush

import structlog

from branchline.server.clock import Clock
from branchline.server.storage import Due, Store, StoreError

log = structlog.get_logger(__name__)

HORIZON = 60_000_000
"""How far ahead due times are kept in memory, microseconds."""

_PAGE = 10_000
_FORGOTTEN = 5_000_000
"""How long something must be overdue to be taken from the server whose task it is, microseconds."""
_RETRY = 1_000_000
"""How long to wait before something that failed is tried again, microseconds."""

_LONGEST_PAUSE = 5.0
"""Seconds after which the time is looked at again: a machine that sleeps counts none of it."""


class Timers:
    """The due times of executions, and the loop that fires them."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        wake: Callable[[str], None],
    ) -> None:
        self._store = store
        self.owns: Callable[[int], bool] = lambda _key: True
        """Whether it falls to this server to wake the execution of a key."""
        self._clock = clock
        self._wake = wake
        self._heap: list[tuple[int, str]] = []
        self._read_until = 0
        """Due times up to here are in memory."""
        self._page_end: tuple[int, int] | None = None
        """Where the pass over the database that is under way has come to: a due time and a key."""
        self._next_read = 0
        self._changed = asyncio.Event()

    def schedule(self, wake_at: int, execution_id: str) -> None:
        """Note a due time that has been stored. One that no longer holds does no harm."""
        if wake_at > self._read_until:
            return
        if not self._heap or wake_at < self._heap[0][0]:
            self._changed.set()
        heappush(self._heap, (wake_at, execution_id))

    def look(self) -> None:
        """Read the due times anew: it may fall to this server to wake other executions."""
        self._next_read, self._page_end = 0, None
        self._changed.set()

    def again(self, execution_id: str) -> None:
        """Wake an execution once more after a while: the database did not take it."""
        heappush(self._heap, (self._clock.now() + _RETRY, execution_id))
        self._changed.set()

    async def run(self) -> None:
        """Fire due times until cancelled."""
        while True:
            await self.run_once()
            self._changed.clear()
            pause = min((self._next_moment() - self._clock.now()) / 1e6, _LONGEST_PAUSE)
            # Not wait_for: before Python 3.12 it loses a cancellation that comes with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(pause, 0)):
                    await self._changed.wait()

    async def run_once(self) -> int:
        """Fire what is due now. Returns how many executions were woken."""
        now = self._clock.now()
        if now >= self._next_read:
            await self._read(now)
        woken = set()
        while self._heap and self._heap[0][0] <= now:
            woken.add(heappop(self._heap)[1])
        for execution_id in woken:
            self._wake(execution_id)
        return len(woken)

    def _next_moment(self) -> int:
        return min(self._heap[0][0], self._next_read) if self._heap else self._next_read

    async def _read(self, now: int) -> None:
        """Take the due times of the next while into memory, a page at a time.

        A page goes on after the one before: what is overdue and cannot be woken must not hide
        what comes behind it. Only the first page of a pass begins anew.
        """
        known, self._heap = self._heap, []
        noted = set(known)
        # What is stored while the database is read may be missing in the answer: it is noted.
        before, self._read_until = self._read_until, now + HORIZON
        try:
            rows = await self._store.due(now + HORIZON, _PAGE, after=self._page_end)
        except StoreError as error:
            log.warning("reading due times failed", error=str(error))
            self._heap = sorted(self._heap + known)
            self._read_until, self._next_read = before, now + _RETRY
            return
        if self._page_end is None:
            known = []  # The answer has what of it still holds.
        # What was noted while the database was read is in the heap already.
        due = [(row.wake_at, row.id) for row in rows if self._is_ours(row, now, noted)]
        self._heap = sorted(known + self._heap + due)
        if len(rows) < _PAGE:
            self._page_end = None
            self._next_read = now + HORIZON // 2
        else:
            self._page_end = rows[-1].wake_at, rows[-1].key
            self._read_until = rows[-1].wake_at
            self._next_read = max(self._read_until, now + _RETRY)

    def _is_ours(self, row: Due, now: int, noted: set[tuple[int, str]]) -> bool:
        """Whether to wake an execution; one that is long overdue is woken by everybody."""
        forgotten = row.wake_at < now - _FORGOTTEN
        return forgotten or self.owns(row.key) or (row.wake_at, row.id) in noted
