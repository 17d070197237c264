"""Keeps a server's clock with the time of the database that it shares."""

from __future__ import annotations

import structlog

from branchline.server.clock import SystemClock

log = structlog.get_logger(__name__)

_NOTABLE = 1_000_000
"""From this difference on there is a warning, microseconds."""

_QUIET = 60.0
"""Seconds between two warnings."""


class Timekeeper:
    """Corrects the clock by what signs of life tell of the database's time."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._warned: float | None = None

    def take(self, told: int, took: float) -> None:
        """The database has told its time (microseconds since the epoch) within so many seconds."""
        lag = self._clock.correct(told, told + round(took * 1e6))
        if abs(lag) < _NOTABLE:
            self._warned = None
            return
        now = self._clock.monotonic()
        if self._warned is None or now - self._warned >= _QUIET:
            self._warned = now
            log.warning(
                "this server's clock and the database's differ; it is corrected slowly",
                lags_seconds=round(lag / 1e6, 3),
            )

    def catch_up(self, told: int) -> None:
        """The others have seen this server stand still: it may have missed time."""
        before = self._clock.now()
        self._clock.catch_up(told)
        missed = self._clock.now() - before
        if missed >= _NOTABLE:
            log.warning("this server's clock has lagged; it is set", by_seconds=missed / 1e6)
