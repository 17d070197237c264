"""Tasks that wait in the database alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from branchline.server.dispatch.payload import Offer, TaskKey


class LeftOut:
    """What must be known of tasks outside of memory by whoever reads them."""

    def __init__(self) -> None:
        self.offers: set[Offer] = set()
        """Of what tasks wait in the database that are not in memory."""
        self._unstored: set[Offer] = set()
        self._ended: set[TaskKey] | None = None

    def add(self, offer: Offer, *, stored: bool) -> None:
        """A task was left out; one that is not stored yet cannot be read yet either."""
        (self.offers if stored else self._unstored).add(offer)

    def stored(self) -> None:
        """All that was left out is in the database now."""
        self.offers |= self._unstored
        self._unstored.clear()

    def ended(self, key: TaskKey) -> None:
        """A task has ended, in memory or not."""
        if self._ended is not None:
            self._ended.add(key)

    @contextmanager
    def noting_ends(self) -> Iterator[set[TaskKey]]:
        """The tasks that have ended since the context began: what is read may still show them."""
        ended: set[TaskKey] = set()
        self._ended = ended
        try:
            yield ended
        finally:
            self._ended = None
