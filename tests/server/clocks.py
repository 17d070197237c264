"""A clock that a test moves by hand."""

from __future__ import annotations

START = 1_800_000_000_000_000
"""What the clock shows at first, microseconds since the epoch."""


class HandClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self._passed = 0

    def now(self) -> int:
        """Microseconds since the epoch."""
        return START + self._passed

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return 1_000 + self._passed / 1e6

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += round(seconds * 1e6)
