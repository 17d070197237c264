"""Those who watch while things break; they hang up now and then, and go on where they were."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime

from branchline.client import ExecutionStatus, StatusChange
from branchline.server.errors import Reason
from branchline.v1 import event_pb2, execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.chaos.report import Report
from tests.simulation.server import Broken, Refused
from tests.simulation.wire import Wire

_PASSING = frozenset({Reason.STORE_UNAVAILABLE, Reason.SHUTTING_DOWN})
_PAUSE = 0.1


class EventWatcher:
    """Watches one execution."""

    def __init__(
        self, execution: str, wire: Wire, report: Report, deleted: Collection[str]
    ) -> None:
        self.execution = execution
        self.events: list[event_pb2.Event] = []
        self.finished = False
        """Whether nothing more can happen: then the next stream that ends is the last one."""
        self._wire = wire
        self._report = report
        self._deleted = deleted

    async def watch(self) -> None:
        """Watch to the end."""
        while True:
            final = self.finished
            patience = None if final else self._wire.random.uniform(0.5, 4)
            try:
                async with asyncio.timeout(patience):
                    await self._stream()
            except (TimeoutError, Broken):
                pass
            except Refused as refused:
                if refused.reason is Reason.EXECUTION_NOT_FOUND and self.execution in self._deleted:
                    return
                passing = refused.reason in _PASSING
                promise = "watches end only in ways that are told"
                self._report.require(passing, promise, f"{self.execution}: {refused}")
                if not passing:
                    return
            else:
                if final:
                    return
            await asyncio.sleep(_PAUSE)

    async def _stream(self) -> None:
        request = pb.WatchExecutionRequest(
            execution_id=self.execution, after_sequence=len(self.events)
        )
        stream = self._wire.stream(lambda s: s.executions.WatchExecution, request)
        try:
            while (answer := await stream.next()) is not None:
                for event in answer.events:
                    in_order = event.sequence == len(self.events) + 1
                    what = f"{self.execution}: {event.sequence} after {len(self.events)}"
                    self._report.require(in_order, "watched events come in order", what)
                    self.events.append(event)
        finally:
            stream.hang_up()


class StatusWatcher:
    """Watches all executions, from the first one on."""

    def __init__(self, wire: Wire, report: Report) -> None:
        self.changes: list[StatusChange] = []
        self._closed: set[str] = set()
        self._position = 0
        self._wire = wire
        self._report = report

    def has_seen_the_end_of(self, executions: Collection[str]) -> bool:
        """Whether it has seen all of these close."""
        return self._closed.issuperset(executions)

    async def watch(self) -> None:
        """Watch for ever."""
        while True:
            over = self._wire.faults.over
            patience = 30.0 if over else self._wire.random.uniform(0.5, 5)
            try:
                async with asyncio.timeout(patience):
                    await self._stream()
            except (TimeoutError, Broken):
                pass
            except Refused as refused:
                passing = refused.reason in _PASSING
                self._report.require(
                    passing, "watches end only in ways that are told", f"of all: {refused}"
                )
            await asyncio.sleep(_PAUSE)

    async def _stream(self) -> None:
        request = pb.WatchExecutionsRequest(after_position=self._position)
        stream = self._wire.stream(lambda s: s.executions.WatchExecutions, request)
        try:
            while (answer := await stream.next()) is not None:
                for change in answer.changes:
                    self._note(change)
                self._position = answer.position
        finally:
            stream.hang_up()

    def _note(self, change: pb.StatusChange) -> None:
        name = execution_pb2.ExecutionStatus.Name(change.status)
        status = ExecutionStatus(name.removeprefix("EXECUTION_STATUS_"))
        at = datetime.fromtimestamp(change.time.seconds, UTC) if change.HasField("time") else None
        told = StatusChange(
            execution_id=change.execution_id,
            workflow=change.workflow,
            version=change.version,
            status=status,
            time=at,
        )
        self.changes.append(told)
        note = self._closed.add if status.closed else self._closed.discard
        note(told.execution_id)


class Looker:
    """Looks at one thing and another."""

    def __init__(self, wire: Wire, report: Report, executions: Collection[str]) -> None:
        self._wire = wire
        self._report = report
        self._executions = executions

    async def look(self) -> None:
        """Look for ever."""
        random = self._wire.random
        while True:
            await asyncio.sleep(random.uniform(0.1, 2))
            wanted = random.choice([*sorted(self._executions), "nobody"])
            try:
                await self._look_at(wanted, random.randrange(4))
            except Broken:
                continue
            except Refused as refused:
                known = refused.reason in _PASSING or refused.reason is Reason.EXECUTION_NOT_FOUND
                promise = "looks fail only in ways that are told"
                self._report.require(known, promise, f"{wanted}: {refused}")

    async def _look_at(self, execution: str, what: int) -> None:
        wire = self._wire
        if what == 0:
            visits = pb.ListStepVisitsRequest(execution_id=execution)
            numbers = [
                visit.number
                for visit in (await wire.call(lambda s: s.executions.ListStepVisits, visits)).visits
            ]
            ascending = numbers == sorted(set(numbers))
            self._report.require(ascending, "visits are told in order, once", str(numbers))
        elif what == 1:
            full = pb.GetExecutionRequest(
                execution_id=execution, view=execution_pb2.EXECUTION_VIEW_FULL
            )
            told = (await wire.call(lambda s: s.executions.GetExecution, full)).execution
            right = told.id == execution and told.last_sequence > 0
            self._report.require(right, "what is looked at is told", str(told))
        elif what == 2:
            some = pb.ListExecutionsRequest(page_size=2)
            listed = (await wire.call(lambda s: s.executions.ListExecutions, some)).executions
            self._report.require(len(listed) <= 2, "pages are as small as wanted", str(listed))
        else:
            await wire.call(lambda s: s.executions.CountExecutions, pb.CountExecutionsRequest())
