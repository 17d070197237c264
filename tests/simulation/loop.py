"""An asyncio event loop and a clock in simulated time.

Nothing waits: when all that can run has run, the time jumps to whatever is due next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context, ContextVar
from heapq import heappop
from math import ceil
from typing import Any, Final, Protocol, TypeVarTuple

_Ts = TypeVarTuple("_Ts")

START: Final = 1_800_000_000_000_000
"""What the clock shows at first, microseconds since the epoch."""

_MOST_ROUNDS: Final = 400_000
"""After so many rounds of the loop a run counts as one that never ends."""

_SECOND: Final = 1_000_000_000


MACHINE: Final[ContextVar[object]] = ContextVar("MACHINE", default=None)
"""What a callback is a part of: it can be frozen, and then goes on."""

OUTSIDE: Final = Context()
"""Of no machine: networks and databases go on while those who use them stand still."""


class _Handle(Protocol):
    _context: Context
    _scheduled: bool
    _when: float

    def __lt__(self, other: Any, /) -> bool: ...  # noqa: ANN401 - as heappop wants it


class Stuck(Exception):
    """Nothing can happen any more, or it never ends."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Runs callbacks in the order of simulated time; knows no files, threads and signals."""

    # The base class's own.
    _ready: deque[_Handle]
    _scheduled: list[_Handle]
    _clock_resolution: float

    def __init__(self) -> None:
        super().__init__()
        self._frozen: dict[object, list[_Handle]] = {}
        """What machines that stand still would do."""
        self._selector = self  # the base class asks it for events, and to wait
        self._nanoseconds = 1_000 * _SECOND
        self._rounds = 0
        self._stall = 0

    def time(self) -> float:
        """Seconds since some moment."""
        return self._nanoseconds / 1e9

    @property
    def microseconds(self) -> int:
        """The same in whole microseconds."""
        return self._nanoseconds // 1_000

    def stall(self, seconds: float) -> None:
        """Hold everything up: nobody is heard for so long, though time passes."""
        self._stall += ceil(seconds * _SECOND)

    def freeze(self, machine: object) -> None:
        """Let a machine stand still, from the next round of the loop on."""
        self._frozen.setdefault(machine, [])

    def is_frozen(self, machine: object) -> bool:
        """Whether a machine stands still."""
        return machine in self._frozen

    def thaw(self, machine: object) -> None:
        """Let a machine go on with all that it has missed."""
        self._ready.extend(self._frozen.pop(machine, ()))

    def grant_more(self) -> None:
        """What has run until now does not count as running without end."""
        self._rounds = 0

    def select(self, timeout: float | None) -> list[Any]:
        """Pass the time that the loop would wait."""
        self._rounds += 1
        if timeout is None:
            raise Stuck("everybody waits and nothing is due")
        if self._rounds > _MOST_ROUNDS:
            raise Stuck("there is no end")
        self._nanoseconds += ceil(timeout * _SECOND) + self._stall
        self._stall = 0
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none; but here the loop is about to run what is due."""
        if not self._frozen:
            return
        end = self.time() + self._clock_resolution
        while self._scheduled and self._scheduled[0]._when < end:  # noqa: SLF001
            handle = heappop(self._scheduled)
            handle._scheduled = False  # noqa: SLF001 - as the base class does it
            self._ready.append(handle)
        due, self._ready = self._ready, deque()
        for handle in due:
            machine = handle._context.get(MACHINE)  # noqa: SLF001 - nobody else knows it
            self._frozen.get(machine, self._ready).append(handle)

    def _write_to_self(self) -> None:
        """It never sleeps."""

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Ts], Any], *args: *_Ts
    ) -> asyncio.Future[Any]:
        """There are no threads: it is done at once."""
        answer: asyncio.Future[Any] = self.create_future()
        try:
            answer.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever awaits it gets it
            answer.set_exception(error)
        return answer


class SimulatedClock:
    """The loop's time, as the server asks for it."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop
        self._began = loop.microseconds

    def skewed(self, by: int) -> SimulatedClock:
        """One that is ahead by so many microseconds."""
        other = SimulatedClock(self._loop)
        other._began = self._began - by
        return other

    def now(self) -> int:
        """Microseconds since the epoch."""
        return START + self._loop.microseconds - self._began

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return self._loop.time()
