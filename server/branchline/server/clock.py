"""Time as the server sees it, handed in wherever it matters."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> int:
        """Microseconds since the epoch; never goes back while the process lives."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, for leases and time limits."""
        ...


class SystemClock:
    """The machine's clock, read once at the start and then carried on by the monotonic one.

    So a wall clock that is set while the server runs neither fires a sleep early nor ends
    leases.
    """

    def __init__(self) -> None:
        self._offset = time.time_ns() - time.monotonic_ns()

    def anchor(self, now: int) -> None:
        """Begin at another time (microseconds since the epoch), before anybody has asked.

        So servers that share a database tell the database's time.
        """
        self._offset = now * 1000 - time.monotonic_ns()

    def now(self) -> int:
        """Microseconds since the epoch."""
        return (time.monotonic_ns() + self._offset) // 1000

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()
