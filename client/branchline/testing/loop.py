"""An asyncio event loop that runs in the time of a rehearsal.

Whatever waits on it, ``asyncio.sleep`` and ``asyncio.timeout`` above all, waits for the
rehearsal's clock. The loop never moves that clock: it says when something is due on it.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import Context
from heapq import heappop, heappush
from typing import Any, Final, TypeVar, TypeVarTuple

from branchline.testing.clock import LATEST, Clock

_P = TypeVar("_P", bound=asyncio.BaseProtocol)
_Ts = TypeVarTuple("_Ts")

_NEVER: Final = LATEST / 1e6
"""Seconds: a sleep that long has no end."""


class _Selector(selectors.DefaultSelector):
    """Lets the loop stop when it has nothing to do, in place of waiting for its next timer.

    What comes from outside of the rehearsal is waited for before, in real time: threads,
    processes, files and connections that activities have open.
    """

    def __init__(self, patience: float) -> None:
        super().__init__()
        self.busy: set[object] = set()
        """Threads and processes at work."""
        self.idle: Callable[[], None] = lambda: None
        """Called when nothing more can happen now."""
        self._patience = patience
        self._in_vain: set[int] = set()
        """Open files that were waited for long enough."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        if self.busy or self._in_vain < {key.fd for key in self.get_map().values()}:
            events = super().select(self._patience)
        if not events:
            self.ignore_open()
            self.busy.clear()
            self.idle()
        return events

    def ignore_open(self) -> None:
        """Wait for none of the files that are open now."""
        self._in_vain |= {key.fd for key in self.get_map().values()}

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:  # noqa: ANN401 - any file
        key = super().unregister(fileobj)
        self._in_vain.discard(key.fd)
        return key


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs what can run now, and stops.

    ``patience`` is how many real seconds may pass without a word from the threads, processes
    and connections of activities, before time goes on without them.
    """

    def __init__(self, clock: Clock, patience: float) -> None:
        self._clock = clock
        self._timers: list[tuple[int, int, asyncio.TimerHandle]] = []
        self._timers_set = 0
        selector = _Selector(patience)
        self.busy: Final = selector.busy
        """What is worked on outside of the loop: no time passes meanwhile."""
        super().__init__(selector)
        selector.ignore_open()  # the loop's own
        selector.idle = self.stop

    def run_until_idle(self) -> None:
        """Let everything happen that needs no time.

        Raises:
            RuntimeError: called by code that runs on a loop already.

        """
        self.run_forever()

    def next_due(self) -> int | None:
        """When, later than now, something is due on the loop; None when nothing is."""
        timers = self._timers
        while timers and (timers[0][2].cancelled() or timers[0][0] <= self._clock.now):
            heappop(timers)
        return timers[0][0] if timers else None

    def time(self) -> float:
        """Seconds since the rehearsal began."""
        return (self._clock.now - self._clock.start) / 1e6

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Do as every loop does, on whole microseconds, so that nothing is due in between."""
        due = round(min(when, _NEVER) * 1e6)
        handle = super().call_at(due / 1e6, callback, *args, context=context)
        moment = self._clock.start + due
        if moment < LATEST:
            self._timers_set += 1
            heappush(self._timers, (moment, self._timers_set, handle))
        return handle

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Ts], Any], *args: *_Ts
    ) -> asyncio.Future[Any]:
        """Do as every loop does; no time passes until the thread is done."""
        future = super().run_in_executor(executor, func, *args)
        self.busy.add(future)
        future.add_done_callback(self.busy.discard)
        return future

    async def subprocess_exec(
        self,
        protocol_factory: Callable[[], _P],
        *args: Any,  # noqa: ANN401 - as every loop has it
        **kwargs: Any,  # noqa: ANN401 - as every loop has it
    ) -> tuple[asyncio.SubprocessTransport, _P]:
        """Do as every loop does; no time passes until the process has ended."""
        process = object()
        watched = self._watched(protocol_factory, process)
        with self._busy_if_it_starts(process):
            return await super().subprocess_exec(watched, *args, **kwargs)

    async def subprocess_shell(
        self,
        protocol_factory: Callable[[], _P],
        cmd: str | bytes,
        *args: Any,  # noqa: ANN401 - as every loop has it
        **kwargs: Any,  # noqa: ANN401 - as every loop has it
    ) -> tuple[asyncio.SubprocessTransport, _P]:
        """Do as every loop does; no time passes until the process has ended."""
        process = object()
        watched = self._watched(protocol_factory, process)
        with self._busy_if_it_starts(process):
            return await super().subprocess_shell(watched, cmd, *args, **kwargs)

    @contextmanager
    def _busy_if_it_starts(self, process: object) -> Iterator[None]:
        self.busy.add(process)
        try:
            yield
        except BaseException:
            self.busy.discard(process)
            raise

    def _watched(self, protocol_factory: Callable[[], _P], process: object) -> Callable[[], _P]:
        """Make protocols that also tell the loop when the process has ended."""

        def watched() -> _P:
            protocol = protocol_factory()
            if isinstance(protocol, asyncio.SubprocessProtocol):
                exited = protocol.process_exited

                def process_exited() -> None:
                    self.busy.discard(process)
                    exited()

                setattr(protocol, "process_exited", process_exited)  # noqa: B010 - of this one
            return protocol

        return watched
