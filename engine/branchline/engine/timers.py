"""The pending due times of an execution, in the order in which they come due."""

from __future__ import annotations

from heapq import heappop, heappush

import msgspec

_SLACK = 64
"""How many stale entries the heap may have beyond one for each that is not."""


class Timers(msgspec.Struct):
    """At most one due time (microseconds since the epoch) per key.

    A heap gives the earliest in constant time. An entry of the heap that ``due`` does not
    confirm is stale; stale entries are dropped once they reach the top, or once they are more
    than the others.
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

    def is_due(self, key: str, now: int) -> bool:
        """Whether a key is set and its time has come."""
        due = self.due.get(key)
        return due is not None and due <= now

    def expired(self, now: int) -> list[str]:
        """The keys that are due, the earliest first; as much work as there are such keys."""
        heap, due = self.heap, self.due
        found = set()
        places = [0]
        while places:
            place = places.pop()
            if place < len(heap) and heap[place][0] <= now:
                time, key = heap[place]
                if due.get(key) == time:
                    found.add((time, key))
                places += (2 * place + 1, 2 * place + 2)  # nothing below is due earlier
        return [key for _, key in sorted(found)]

    def _drop_stale(self) -> None:
        heap, due = self.heap, self.due
        while heap and due.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        if len(heap) > 2 * len(due) + _SLACK:
            self.heap = sorted((time, key) for key, time in due.items())
