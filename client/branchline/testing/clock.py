"""The time of a rehearsal, and what is due in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Final

_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

LATEST: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
"""The end of the calendar: what is due later is never due."""


def micros(span: timedelta) -> int:
    """A length of time in whole microseconds."""
    return span // _MICROSECOND


def span_of(seconds: float | timedelta) -> timedelta:
    """A length of time that is given in seconds, or as it is."""
    return seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)


def length(
    seconds: float | timedelta, *, minutes: float = 0, hours: float = 0, days: float = 0
) -> timedelta:
    """A length of time, all parts together.

    Raises:
        ValueError: it is negative.

    """
    total = span_of(seconds) + timedelta(days=days, hours=hours, minutes=minutes)
    if total < timedelta():
        raise ValueError(f"time goes forward only, not by {total}")
    return total


def moment(time: int) -> datetime:
    """The time so many microseconds after the epoch, at the latest the end of the calendar."""
    return _EPOCH + min(time, LATEST) * _MICROSECOND


class Alarm:
    """One thing that is due at a moment; a cancelled one never rings."""

    __slots__ = ("action", "cancelled", "due")

    def __init__(self, due: int, action: Callable[[], None]) -> None:
        self.due = due
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        """Take it back."""
        self.cancelled = True


class Clock:
    """A clock that moves only when it is told to, and the alarms that are set on it.

    Alarms of one moment ring in the order in which they were set.
    """

    def __init__(self, start: datetime) -> None:
        self.start: Final = (start - _EPOCH) // _MICROSECOND
        """Microseconds since the epoch, as all times here."""
        self.now = self.start
        self._heap: list[tuple[int, int, Alarm]] = []
        self._set = 0

    def set(self, due: int, action: Callable[[], None]) -> Alarm:
        """Have something happen at a moment, or at once when that is past."""
        alarm = Alarm(due, action)
        self._set += 1
        heappush(self._heap, (alarm.due, self._set, alarm))
        return alarm

    def next_due(self) -> int | None:
        """When the next alarm rings; None when none is set."""
        while self._heap and self._heap[0][2].cancelled:
            heappop(self._heap)
        if not self._heap or self._heap[0][0] > LATEST:
            return None
        return self._heap[0][0]

    def ring(self) -> bool:
        """Let the next alarm happen, if it is due; whether one was."""
        due = self.next_due()
        if due is None or due > self.now:
            return False
        alarm = heappop(self._heap)[2]
        alarm.action()
        return True
