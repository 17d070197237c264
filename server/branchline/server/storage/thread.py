"""A thread that owns a database connection and does one job after the other."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from branchline.server.storage.errors import StoreUnavailable

T = TypeVar("T")


class _Job(NamedTuple):
    work: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class DatabaseThread:
    """Runs jobs in the order in which they were handed in.

    An executor of one thread would do the same with a second future and a lock for every job,
    and would drop a job whose caller is cancelled before its turn comes. Here a job that was
    handed in is done, whoever still waits for it.
    """

    def __init__(
        self, name: str, *, when_idle: Callable[[], None] | None = None, idle_after: float = 0
    ) -> None:
        """Start the thread; ``when_idle`` runs once after so many seconds without a job."""
        self._when_idle = when_idle
        self._idle_after = idle_after
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._stopped = False
        # A daemon, so that a program that forgets to close its store can end.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Hand a job in; the future gets its result or error.

        Raises StoreUnavailable when the thread has been stopped.
        """
        if self._stopped:
            raise StoreUnavailable("The store is closed.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(work, loop, future))
        return future

    def stop(self) -> None:
        """Take no more jobs, and end when those handed in are done."""
        if not self._stopped:
            self._stopped = True
            self._jobs.put(None)

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def _run(self) -> None:
        while (job := self._next_job()) is not None:
            try:
                result, error = job.work(), None
            except BaseException as raised:  # noqa: BLE001 - it is the caller's, not the thread's
                result, error = None, raised
            # A loop that was closed meanwhile has nobody left to tell.
            with contextlib.suppress(RuntimeError):
                job.loop.call_soon_threadsafe(_settle, job.future, result, error)
            del job, result, error

    def _next_job(self) -> _Job | None:
        if self._when_idle is not None:
            try:
                return self._jobs.get(timeout=self._idle_after)
            except Empty:
                self._when_idle()
        return self._jobs.get()


def _settle(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
