"""The executions in memory."""

from __future__ import annotations

from collections import OrderedDict

from branchline.engine import Execution, Plan, Status
from branchline.engine.events import Event

_SMALLEST_SPAN = 64 * 1024
"""Histories shorter than this many bytes need no snapshot."""


class Live:
    """An execution in memory."""

    __slots__ = (
        "fresh_bytes",
        "key",
        "plan",
        "rumours",
        "snapshot_bytes",
        "state",
        "status",
        "stored",
        "wake_at",
    )

    def __init__(self, key: int, plan: Plan, state: Execution) -> None:
        self.key = key
        self.plan = plan
        self.state = state
        self.status = state.status
        """As it is stored."""
        self.wake_at = state.timers.next_due()
        """As it is stored."""
        self.stored = state.sequence
        """The number of the last event that is stored."""
        self.rumours = 0
        """How often another server has said that it has changed it, which is not looked into."""
        self.fresh_bytes = 0
        """What has been added to the history since the last snapshot."""
        self.snapshot_bytes = 0
        """The size of the last snapshot."""

    @property
    def wants_snapshot(self) -> bool:
        """Whether the history since the last snapshot outweighs another one."""
        return self.fresh_bytes > max(_SMALLEST_SPAN, self.snapshot_bytes)


class LiveExecutions:
    """Executions in memory, those that wait and those that run each up to a number."""

    def __init__(self, most_dormant: int, most_running: int) -> None:
        self._by_id: dict[str, Live] = {}
        self._by_key: dict[int, Live] = {}
        self._dormant: OrderedDict[int, Live] = OrderedDict()
        self._running: OrderedDict[int, Live] = OrderedDict()
        self._most_dormant = most_dormant
        self._most_running = most_running

    def __len__(self) -> int:
        return len(self._by_key)

    def by_id(self, execution_id: str) -> Live | None:
        """The execution of an id, None when it is not in memory."""
        return self._by_id.get(execution_id)

    def by_key(self, key: int) -> Live | None:
        """The execution of a key, None when it is not in memory."""
        return self._by_key.get(key)

    def suspect(self) -> None:
        """Any of them may have been changed by another server."""
        for live in self._by_key.values():
            live.rumours += 1

    def add(self, live: Live) -> None:
        """Keep an execution."""
        self._by_id[live.state.id] = live
        self._by_key[live.key] = live
        self.settle(live)

    def settle(self, live: Live) -> None:
        """Note how an execution stands after a turn; the closed ones leave."""
        if live.state.end is not None:
            self.drop(live)
            return
        running = live.state.status is Status.RUNNING
        keep, leave = (self._running, self._dormant) if running else (self._dormant, self._running)
        leave.pop(live.key, None)
        keep[live.key] = live
        keep.move_to_end(live.key)

    def drop(self, live: Live) -> None:
        """Forget an execution."""
        self._by_id.pop(live.state.id, None)
        self._by_key.pop(live.key, None)
        self._dormant.pop(live.key, None)
        self._running.pop(live.key, None)

    def trim(self) -> None:
        """Forget the ones that have been left alone the longest; only between turns."""
        for kept, most in (
            (self._dormant, self._most_dormant),
            (self._running, self._most_running),
        ):
            while len(kept) > most:
                self.drop(next(iter(kept.values())))


class Change:
    """What a turn has decided for one execution."""

    __slots__ = ("events", "live", "request_id", "size", "started", "wake_changed")

    def __init__(self, live: Live, *, started: bool = False, request_id: str = "") -> None:
        self.live = live
        self.events: list[Event] = []
        self.started = started
        self.request_id = request_id
        self.size = 0
        """How many bytes the events take in the history."""
        self.wake_changed = False
        """Whether the execution is due at another time than before, or already."""
