"""Lets a world move: all that can happen now, then time to the next thing that is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from branchline.testing.clock import Clock
from branchline.testing.desk import Desk
from branchline.testing.loop import VirtualLoop

MOST_MOMENTS: Final = 100_000
"""How many moments a rehearsal goes through at once: more is a circle without an end."""


class Mover:
    """The only one who moves the clock."""

    def __init__(self, clock: Clock, loop: VirtualLoop, desk: Desk) -> None:
        self._clock = clock
        self._loop = loop
        self._desk = desk
        self._moving = False

    def settle(self) -> None:
        """Let everything happen that needs no time.

        An activity that acts on its own rehearsal changes nothing in that: this is going on.
        """
        if self._moving:
            return
        must_be_outside()
        self._moving = True
        try:
            self._settle()
        finally:
            self._moving = False

    def move(self, until: int | None, enough: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass until a moment, or None: until nothing is due any more.

        Whether it was ``enough`` before, as looked at whenever all has settled.

        Raises:
            AssertionError: there is no end of it.

        """
        if self._moving:
            raise RuntimeError("an activity cannot let time pass: it has `await asyncio.sleep`")
        for _ in range(MOST_MOMENTS):
            self.settle()
            if enough():
                return True
            due = self.next_due()
            if due is None or (until is not None and due > until):
                self._clock.now = self._clock.now if until is None else max(until, self._clock.now)
                return False
            self._clock.now = due
        raise AssertionError(
            f"after {MOST_MOMENTS:,} moments there is still something due: "
            "let a stretch of time pass with `advance`, or wait for something with `run_until`"
        )

    def next_due(self) -> int | None:
        """When the next thing happens by itself; None when nothing does."""
        times = (self._clock.next_due(), self._loop.next_due())
        return min((time for time in times if time is not None), default=None)

    def _settle(self) -> None:
        while True:
            self._loop.run_until_idle()
            if self._desk.fault is not None:
                raise self._desk.fault
            if not self._desk.deliver() and not self._clock.ring():
                return


def must_be_outside() -> None:
    """Make sure that no event loop runs here.

    Raises:
        RuntimeError: one does.

    """
    if not is_outside():
        raise RuntimeError(
            "a rehearsal has an event loop of its own: use it in a plain test function, "
            "not in async code"
        )


def is_outside() -> bool:
    """Whether no event loop runs here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False
