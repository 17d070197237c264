"""Time as the server sees it, handed in wherever it matters."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

_GAIN: Final = 1_000
"""The clock is corrected by at most one part in so many of the time that has passed."""

_MOST_AT_ONCE: Final = 10_000_000
"""By how much it is corrected at a time at most, nanoseconds."""


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> int:
        """Microseconds since the epoch; never goes back while the process lives."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, for leases and time limits."""
        ...


def machine_time() -> int:
    """Nanoseconds that have passed since some moment, those in which the machine slept too."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if boot is None else time.clock_gettime_ns(boot)


class SystemClock:
    """The machine's clock, read once at the start and then carried on by the time that passes.

    So a wall clock that is set while the server runs neither fires a sleep early nor ends
    leases. A machine that was suspended shows the right time afterwards.
    """

    def __init__(self, passed: Callable[[], int] = machine_time) -> None:
        """``passed`` tells nanoseconds since some moment and can't be set."""
        self._passed = passed
        self._offset = time.time_ns() - passed()
        self._latest = 0
        """What it has shown last, microseconds since the epoch."""
        self._corrected = passed()

    def anchor(self, now: int) -> None:
        """Begin at another time (microseconds since the epoch).

        So servers that share a database tell the database's time.
        """
        self._corrected = self._passed()
        self._offset = now * 1000 - self._corrected

    def correct(self, earliest: int, latest: int) -> int:
        """Come nearer to a time that lies between two (microseconds since the epoch).

        So slowly that no sleep ends noticeably early, however far off that time is: a database's
        clock may have been set. Returns how far the clock lags (negative: leads), microseconds.
        """
        passed = self._passed()
        most = min((passed - self._corrected) // _GAIN, _MOST_AT_ONCE)
        self._corrected = passed
        shown = passed + self._offset
        lag = max(earliest * 1000 - shown, 0) or min(latest * 1000 - shown, 0)
        self._offset += max(-most, min(lag, most))
        return round(lag / 1000)

    def catch_up(self, now: int) -> None:
        """Go to a time (microseconds since the epoch) at once, unless it has passed."""
        if now > self.now():
            self.anchor(now)

    def now(self) -> int:
        """Microseconds since the epoch."""
        shown = (self._passed() + self._offset) // 1000
        self._latest = max(self._latest, shown)
        return self._latest

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()
