"""Notices when an event loop has had nothing of a kind to do for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class IdleTimer:
    """Calls back once after each time that is followed by so many seconds without another."""

    def __init__(self, after: float, when_idle: Callable[[], None]) -> None:
        self._after = after
        self._when_idle = when_idle
        self._busy_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def busy(self) -> None:
        """Something was done. Costs no timer of its own: the one that runs is prolonged."""
        loop = asyncio.get_running_loop()
        self._busy_at = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._after, self._look)

    def stop(self) -> None:
        """Call back no more, until something is done again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        due = self._busy_at + self._after
        if due > loop.time():
            self._timer = loop.call_at(due, self._look)
        else:
            self._timer = None
            self._when_idle()
