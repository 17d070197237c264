"""Workers without a stream: they poll, and report by calls."""

from __future__ import annotations

import asyncio
import json
from random import Random

from google.protobuf.duration_pb2 import Duration

from branchline.client import outcomes
from branchline.server.errors import Reason
from branchline.v1 import task_pb2
from branchline.v1 import task_service_pb2 as pb
from tests.chaos.report import Report
from tests.simulation.activities import OFFERED, Activity, Surroundings
from tests.simulation.server import SETTINGS, Broken, Refused
from tests.simulation.wire import Wire

_PAUSE = 0.2
_HEARTBEAT = SETTINGS.lease / 3
_PASSING = frozenset({Reason.STORE_UNAVAILABLE, Reason.SHUTTING_DOWN, Reason.OVERLOADED})
_LOST = frozenset({Reason.LEASE_LOST, Reason.INVALID_TASK_TOKEN})


class Poller:
    """Asks for tasks, and keeps each alive by itself."""

    def __init__(
        self, name: str, wire: Wire, around: Surroundings, report: Report, random: Random
    ) -> None:
        self.name = name
        self._wire = wire
        self._around = around
        self._report = report
        self._random = random
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            request = pb.PollTasksRequest(
                worker_id=self.name,
                activities=OFFERED,
                max_tasks=self._random.choice((1, 3)),
                wait=Duration(seconds=self._random.choice((0, 1, 3))),
            )
            try:
                answer = await self._wire.call(lambda s: s.tasks.PollTasks, request)
            except (Broken, Refused) as error:
                self._expect(error)
            else:
                for task in answer.tasks:
                    self._begin(task)
            await asyncio.sleep(self._random.uniform(0, _PAUSE))

    def suffer(self) -> None:
        """Lose everything."""
        self._wire.trace.note(self.name, "a blow")
        self.crash()

    # What it does for activities

    async def record(self, token: str, key: str, value: str) -> None:
        """See Means."""
        record = task_pb2.TaskRecord(token=token, key=key, value_json=value)
        answer = await self._tell(pb.ReportTasksRequest(records=[record]))
        [ack] = answer.record_acks
        if ack.accepted:
            return
        if Reason(ack.reason) in _PASSING:
            await asyncio.sleep(_PAUSE)
            await self.record(token, key, value)
        else:
            lost = Reason(ack.reason) in _LOST
            self._report.require(lost, "records are refused only in ways that are told", str(ack))
            self._stop(token)
            await asyncio.Event().wait()  # it ends here

    def progress(self, token: str, message: str) -> None:
        """See Means: its next heartbeat is near."""

    def crash(self) -> None:
        """See Means."""
        for token in list(self._running):
            self._stop(token)

    # Inside

    def _begin(self, task: task_pb2.Task) -> None:
        if task.token in self._running:
            return
        what = f"{task.execution_id} {task.step!r} item {task.item} attempt {task.attempt}"
        self._wire.trace.note(self.name, f"polls {task.token}: {what}")
        self._running[task.token] = asyncio.ensure_future(self._perform(task))

    async def _perform(self, task: task_pb2.Task) -> None:
        beating = asyncio.ensure_future(self._keep_alive(task.token))
        try:
            if self._random.random() < 0.3:
                await self._look_around(task.token)
            if not self._wire.faults.over and self._random.random() < 0.1:
                outcome = outcomes.released(task.token)
            else:
                outcome = await Activity(task, self, self._around, self._random).run()
            await self._report_end(outcome)
        finally:
            beating.cancel()
            self._running.pop(task.token, None)

    async def _report_end(self, outcome: task_pb2.TaskOutcome) -> None:
        kind = outcome.WhichOneof("outcome")
        while True:
            self._wire.trace.note(self.name, f"reports {outcome.token}: {kind}")
            [ack] = (await self._tell(pb.ReportTasksRequest(outcomes=[outcome]))).acks
            self._wire.trace.note(self.name, f"answered {ack.token}: {ack.reason or 'stored'}")
            if ack.accepted or Reason(ack.reason) not in _PASSING:
                told = ack.accepted or Reason(ack.reason) in _LOST
                promise = "outcomes are refused only in ways that are told"
                self._report.require(told, promise, str(ack))
                return
            await asyncio.sleep(_PAUSE)

    async def _keep_alive(self, token: str) -> None:
        request = pb.ReportTasksRequest(heartbeats=[task_pb2.TaskHeartbeat(token=token)])
        while True:
            await asyncio.sleep(_HEARTBEAT)
            answer = await self._tell(request)
            if answer.cancellations:
                self._stop(token)
                return

    async def _look_around(self, token: str) -> None:
        """Read the branch's variables, as an activity may."""
        request = pb.GetBranchStateRequest(token=token)
        try:
            answer = await self._wire.call(lambda s: s.tasks.GetBranchState, request)
        except (Broken, Refused) as error:
            if not isinstance(error, Refused) or error.reason not in _LOST:
                self._expect(error)
        else:
            inputs = json.loads(answer.inputs_json)
            self._report.require("n" in inputs, "an activity can read its branch", str(answer))

    async def _tell(self, request: pb.ReportTasksRequest) -> pb.ReportTasksResponse:
        while True:
            try:
                return await self._wire.call(lambda s: s.tasks.ReportTasks, request)
            except (Broken, Refused) as error:
                self._expect(error)
                await asyncio.sleep(_PAUSE)

    def _expect(self, error: Broken | Refused) -> None:
        told = isinstance(error, Broken) or error.reason in _PASSING
        self._report.require(told, "calls of workers fail only in ways that are told", str(error))

    def _stop(self, token: str) -> None:
        running = self._running.pop(token, None)
        if running is not None:
            running.cancel()
