"""The pending due times of an execution, in the order in which they come due."""

from __future__ import annotations

from heapq import heappop, heappush

import msgspec


class Timers(msgspec.Struct):
    """At most one due time (microseconds since the epoch) per key.

    A heap gives the earliest in constant time. An entry of the heap that ``due`` does not
    confirm is stale; stale entries are dropped once they reach the top.
    """

    due: dict[str, int] = {}
    heap: list[tuple[int, str]] = []

    def start(self, key: str, due: int) -> None:
        """Set the due time of a key."""
        self.due[key] = due
        heappush(self.heap, (due, key))
        self._drop_stale()

    def stop(self, key: str) -> None:
        """Forget a key; nothing happens when it is not set."""
        if self.due.pop(key, None) is not None:
            self._drop_stale()

    def next_due(self) -> int | None:
        """The earliest due time, None without any."""
        return self.heap[0][0] if self.heap else None

    def expired(self, now: int) -> list[str]:
        """The keys that are due, the earliest first."""
        if not self.heap or self.heap[0][0] > now:
            return []
        return [key for due, key in sorted((d, k) for k, d in self.due.items() if d <= now)]

    def _drop_stale(self) -> None:
        heap, due = self.heap, self.due
        while heap and due.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
