"""Logs a failure that comes again and again without filling the log with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

SUMMARY: Final = 10.0
"""Seconds between two lines while something goes on failing."""


class Recurring:
    """The first failure is logged, then a line every ten seconds with their number, then the end.

    A line comes with a failure: while nothing is tried, nothing is logged.
    """

    def __init__(
        self, log: structlog.stdlib.BoundLogger, what: str, seconds: Callable[[], float]
    ) -> None:
        """``what`` is said to have failed; ``seconds`` tells a monotonic time."""
        self._log = log
        self._what = what
        self._seconds = seconds
        self._count = 0
        self._began = self._told = 0.0

    def failed(self, error: object, **details: object) -> None:
        """It has failed, once more or for the first time; details are those of this time."""
        now = self._seconds()
        self._count += 1
        if self._count == 1:
            self._began = self._told = now
            self._log.warning(f"{self._what} failed", error=str(error), **details)
        elif now - self._told >= SUMMARY:
            self._told = now
            self._log.warning(f"{self._what} still fails", error=str(error), **self._so_far(now))

    def succeeded(self) -> None:
        """It works."""
        if self._count:
            self._log.info(f"{self._what} works again", **self._so_far(self._seconds()))
            self._count = 0

    def _so_far(self, now: float) -> dict[str, object]:
        return {"failures": self._count, "seconds": round(now - self._began, 1)}
