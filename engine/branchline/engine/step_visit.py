"""One visit of a step, and what the events of its branch change in it (semantics 12.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from branchline.engine import events as e
from branchline.engine.failures import NO_SIGNAL
from branchline.engine.state import Status

MOST_CHILDREN = 100
"""How many children of a visit are told."""


class StepVisit(msgspec.Struct, kw_only=True):
    """One stay of a branch in a step. Times are microseconds since the epoch."""

    number: int
    """The number of the event with which it began."""
    branch: str
    step: str
    start: int
    activity: str = ""
    """Empty in a step without one, or when no attempt has begun."""
    attempt: int = 0
    """The last attempt, with items the highest of any; 0 when none has begun."""
    end: int | None = None
    error: e.Failure | None = None
    """The last error, also of an attempt that was tried again."""
    progress: e.Progress | None = None
    """What its activity has said last."""
    items: int = 0
    """How many items there are, in a step with ``each``."""
    items_done: int = 0
    children: list[str] = []
    """The executions that it has started, the first ``MOST_CHILDREN`` of them."""

    # What its status follows from.
    ended: Status | None = None
    paused: bool = False
    dormant: bool = False
    """Whether the step itself waits for a signal now, or sleeps."""
    begun: set[int] = set()
    """The items whose attempts have begun and not ended."""
    waiting: set[int] = set()
    """Those of them that wait for a signal or a child."""
    listens: bool = False
    """Whether the step itself waits for a signal, now or before."""
    next_wait: int = 1
    """Which attempt the step's own next wait is."""

    @property
    def status(self) -> Status:
        """How it stands: never ``WAITING`` (semantics 12.4)."""
        if self.ended is not None:
            return self.ended
        if self.paused:
            return Status.PAUSED
        if self.dormant or 0 < len(self.waiting) == len(self.begun):
            return Status.SUSPENDED
        return Status.RUNNING

    def stop(self, status: Status, time: int) -> None:
        """End it, unless it has ended."""
        if self.ended is None:
            self.ended, self.end = status, time

    def hear(self, progress: e.Progress | None) -> None:
        """Take what its activity said, unless it has said something since."""
        if progress is not None and (self.progress is None or progress.time >= self.progress.time):
            self.progress = progress

    def take_child(self, execution: str) -> None:
        """Tell of a child that has been started."""
        if len(self.children) < MOST_CHILDREN:
            self.children.append(execution)

    def complete_item(self, item: int) -> None:
        """Count an item as done."""
        self.begun.discard(item)
        if self.items:
            self.items_done += 1


# Each tells whether nothing will change the visit any more.


def _items_listed(visit: StepVisit, event: e.ItemsListed, _time: int) -> bool:
    visit.items = len(event.items)
    return False


def _retry_scheduled(visit: StepVisit, event: e.RetryScheduled, _time: int) -> bool:
    visit.begun.add(event.item or 0)
    if visit.listens:
        visit.error, visit.next_wait = NO_SIGNAL, event.attempt
    return False


def _signal_awaited(visit: StepVisit, _event: e.SignalAwaited, _time: int) -> bool:
    visit.dormant = visit.listens = True
    visit.attempt = visit.next_wait
    return False


def _sleep_started(visit: StepVisit, _event: e.SleepStarted, _time: int) -> bool:
    visit.dormant = True
    return False


def _wait_ended(visit: StepVisit, event: e.SignalConsumed | e.WaitTimedOut, _time: int) -> bool:
    if event.item is None:
        visit.dormant = False
    else:
        visit.waiting.discard(event.item)
    return False


def _paused(visit: StepVisit, _event: e.BranchPaused, _time: int) -> bool:
    visit.paused = True
    return False


def _unpaused(visit: StepVisit, _event: e.BranchUnpaused, _time: int) -> bool:
    visit.paused = False
    return False


def _completed(visit: StepVisit, _event: e.StepCompleted | e.BranchCompleted, time: int) -> bool:
    visit.stop(Status.COMPLETED, time)
    return True


def _failed(visit: StepVisit, event: e.StepFailed, time: int) -> bool:
    visit.error = event.error
    visit.stop(Status.FAILED, time)
    visit.begun.clear()
    visit.waiting.clear()
    return bool(event.caught_by)


def _branch_failed(visit: StepVisit, event: e.BranchFailed, time: int) -> bool:
    visit.error = event.error
    visit.stop(Status.FAILED, time)
    return False


def _branch_canceled(visit: StepVisit, _event: e.BranchCanceled, time: int) -> bool:
    visit.stop(Status.CANCELED, time)
    return False


def _branch_resumed(visit: StepVisit, _event: e.BranchResumed, _time: int) -> bool:
    if visit.ended is Status.FAILED:
        visit.attempt, visit.next_wait = 0, 1
    visit.ended = visit.end = None
    return False


# Each change takes its own kind of event, which a dictionary by type cannot express.
CHANGES: dict[type[e.Event], Callable[[StepVisit, Any, int], bool]] = {
    e.ItemsListed: _items_listed,
    e.RetryScheduled: _retry_scheduled,
    e.SignalAwaited: _signal_awaited,
    e.SleepStarted: _sleep_started,
    e.SignalConsumed: _wait_ended,
    e.WaitTimedOut: _wait_ended,
    e.BranchPaused: _paused,
    e.BranchUnpaused: _unpaused,
    e.StepCompleted: _completed,
    e.BranchCompleted: _completed,
    e.StepFailed: _failed,
    e.BranchFailed: _branch_failed,
    e.BranchCanceled: _branch_canceled,
    e.BranchResumed: _branch_resumed,
}
"""What the events of a branch change in its visit."""
