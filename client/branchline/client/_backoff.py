"""How long to wait before the next try."""

from __future__ import annotations

import random
from typing import Final

_FIRST: Final = 0.05
_FACTOR: Final = 2.0


class Backoff:
    """Growing pauses, each spread at random so that many clients do not come back at once.

    ``longest`` bounds a pause, in seconds.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._next = _FIRST

    def pause(self, at_least: float = 0.0) -> float:
        """The seconds to wait now; a server may have asked for ``at_least`` so many."""
        span = self._next
        self._next = min(span * _FACTOR, self._longest)
        return at_least + random.uniform(span / 2, span)  # noqa: S311 - spreads, hides nothing

    def reset(self) -> None:
        """Begin anew: a try has succeeded."""
        self._next = _FIRST
