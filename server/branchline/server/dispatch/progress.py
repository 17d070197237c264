"""What the activities of tasks without an outcome have said last (semantics 7.6)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from branchline.engine import events as e
from branchline.engine.events import Event, Progress
from branchline.server.dispatch.payload import TaskKey

_MOST_BYTES = 64 * 1024 * 1024
"""How many bytes are kept of all tasks together."""

_MOST_ENDED = 10_000
"""How many ends are remembered."""


class Told(NamedTuple):
    """What a task's activity has said last."""

    branch: str
    progress: Progress

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return len(self.progress.message) + memoryview(self.progress.data).nbytes


class LatestProgress:
    """Keeps the latest of each task, in memory: a restart forgets it.

    When all of it takes too much room, what was said the longest ago gives way.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._told: dict[int, dict[int, Told]] = {}
        """By execution and task."""
        self._order: OrderedDict[TaskKey, None] = OrderedDict()
        """The longest untouched first."""
        self._size = 0
        self._most_bytes = most_bytes
        self._ended: OrderedDict[TaskKey, None] = OrderedDict()
        """The earliest first."""

    def tell(self, key: TaskKey, branch: str, progress: Progress) -> None:
        """Keep what a task's activity says, in place of what it said before."""
        self.forget(key)
        told = Told(branch, progress)
        while self._order and self._size + told.size > self._most_bytes:
            self.forget(next(iter(self._order)))
        self._told.setdefault(key.execution_key, {})[key.task] = told
        self._order[key] = None
        self._size += told.size

    def forget(self, key: TaskKey) -> None:
        """Drop what a task's activity has said: the task has ended."""
        tasks = self._told.get(key.execution_key)
        if tasks is None or key.task not in tasks:
            return
        self._size -= tasks.pop(key.task).size
        del self._order[key]
        if not tasks:
            del self._told[key.execution_key]

    def end(self, key: TaskKey) -> None:
        """Drop it, and remember for a while that nothing more of that task is wanted.

        What another server's worker has said may come after the end that it reported.
        """
        self.forget(key)
        self._ended[key] = None
        if len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)

    def has_ended(self, key: TaskKey) -> bool:
        """Whether a task has ended lately."""
        return key in self._ended

    def of(self, execution_key: int) -> Mapping[int, Told]:
        """What is kept of an execution now, by task; it changes with time."""
        return self._told.get(execution_key, {})


def with_progress(events: Sequence[Event], told: Mapping[int, Told]) -> list[Event]:
    """The events, those that end attempts with what the attempts' activities have said last.

    So it is part of the history, where nothing else depends on it.
    """
    return [_with_progress(event, told) for event in events] if told else list(events)


def _with_progress(event: Event, told: Mapping[int, Told]) -> Event:
    match event:
        case e.TaskCompleted() | e.TaskFailed() | e.TaskWaiting() if event.task in told:
            return replace(event, progress=told[event.task].progress)
        case e.TasksWithdrawn():
            return replace(event, progress=_latest(event.tasks, told))
        case _:
            return event


def _latest(tasks: Sequence[int], told: Mapping[int, Told]) -> dict[str, Progress]:
    """The latest of each branch: all of its tasks are of one step visit."""
    heard = [told[task] for task in tasks if task in told]
    heard.sort(key=lambda one: one.progress.time)
    return {one.branch: one.progress for one in heard}
