"""Tells runs apart by the history: what a task says of itself repeats when a step is visited again.

A run is an attempt of an item of a step visit. A step visit is known by the number of the event
with which it began. Attempts count from 1 again when a failed execution is taken up, so how often
the execution has failed belongs to a run too.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import grpc
from grpc import aio
from msgspec import Struct

from branchline.v1 import event_pb2
from tests.scenarios.api import Api


class TaskInfo(Struct, frozen=True, kw_only=True):
    """What a delivered task is about."""

    execution_id: str
    branch: str
    step: str
    activity: str
    attempt: int
    item: int | None = None


@dataclass(slots=True)
class _Progress:
    """How far an execution's history has been read."""

    last: int = 0
    failures: int = 0
    visits: dict[tuple[str, str], int] = field(default_factory=dict)
    """The number of the event with which a branch last entered a step."""

    def take(self, event: event_pb2.Event) -> None:
        self.last = event.sequence
        if event.HasField("execution_failed"):
            self.failures += 1
        if event.HasField("step_started"):
            visit = event.step_started
            self.visits[visit.branch, visit.step] = event.sequence


class Visits:
    """Gives each run a key of its own."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._executions: dict[str, _Progress] = {}

    async def key(self, task: TaskInfo) -> Hashable:
        """The key of the run that a task belongs to."""
        known = self._executions.setdefault(task.execution_id, _Progress())
        try:
            for event in await self._api.history(task.execution_id, known.last):
                known.take(event)
        except aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:  # it may have been deleted
                raise
        visit = known.visits.get((task.branch, task.step), 0)
        return task.execution_id, known.failures, visit, task.item, task.attempt
