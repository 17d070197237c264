"""The workers of a rehearsal: the SDK's own runner, with no stream to a server behind it."""

from __future__ import annotations

import contextvars
from collections import Counter
from collections.abc import Callable
from typing import Final

from branchline.client.activities import Activity
from branchline.client.errors import ActivityError
from branchline.client.runner import Owner, Runner
from branchline.testing.behaviours import crashing
from branchline.testing.clock import Clock
from branchline.testing.loop import VirtualLoop
from branchline.v1 import task_pb2

_THREADS: Final = 32
_LAST_SECONDS: Final = 2_000_000
"""Microseconds of the rehearsal that stopped activities have to clean up."""


class Bench:
    """Runs activities as a worker does. Each delivery is a worker of its own: it alone crashes."""

    def __init__(self, loop: VirtualLoop, clock: Clock, owner: Owner) -> None:
        self.most: Counter[str] = Counter()
        """How many of an activity were at work at the same time, at most."""
        self._loop = loop
        self._clock = clock
        self._at_work: dict[str, str] = {}
        """The activities at work, by token."""
        self._counts: Counter[str] = Counter()
        self._performers: dict[str, Activity] = {}
        self._runner = loop.run_until_complete(self._open(owner))

    async def _open(self, owner: Owner) -> Runner:
        return Runner(self._performers, _THREADS, owner)

    def begin(self, message: task_pb2.Task, performer: Activity, lose: Callable[[], None]) -> None:
        """Begin to work on a task; ``lose`` is called when its worker crashes."""
        token, name = message.token, message.activity
        self._at_work[token] = name
        self._counts[name] += 1
        self.most[name] = max(self.most[name], self._counts[name])
        if not performer.is_async:
            self._loop.busy.add(token)
        self._performers[name] = performer
        contextvars.copy_context().run(self._start, message, lose)

    def _start(self, message: task_pb2.Task, lose: Callable[[], None]) -> None:
        crashing.set(lose)
        self._runner.start(message)

    def leave(self, token: str) -> None:
        """A task is no longer at work; if its activity still is, it is told to stop."""
        name = self._at_work.pop(token, None)
        if name is not None:
            self._counts[name] -= 1
            self._loop.busy.discard(token)
            self._runner.stop(token)

    def recorded(self, token: str, key: str, error: ActivityError | None = None) -> None:
        """Tell an activity that a value of its is kept."""
        self._runner.recorded(token, key, error)

    def close(self) -> None:
        """Stop whatever is at work."""
        closing = self._loop.create_task(self._runner.close())
        self._loop.run_until_idle()
        if not closing.done():
            self._clock.now += _LAST_SECONDS
            self._loop.run_until_idle()
