"""Users who start executions and look after them, as carefully as one must."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration

from branchline.server.errors import Reason
from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.chaos.diary import Asked, Diary, Note, Seen, Signaled, Started, Trying
from tests.chaos.pieces import Children
from tests.chaos.report import Report
from tests.chaos.shapes import Shape
from tests.simulation.activities import Surroundings
from tests.simulation.server import Broken, Refused
from tests.simulation.wire import Unary, Wire

Request = TypeVar("Request")
Response = TypeVar("Response")

_PAUSE = 0.2
_PASSING = frozenset({Reason.STORE_UNAVAILABLE, Reason.SHUTTING_DOWN, Reason.OVERLOADED})


@dataclass(frozen=True, slots=True)
class Company:
    """What all users share."""

    shapes: Sequence[Shape]
    diary: Diary
    report: Report
    around: Surroundings
    on_start: Callable[[str], None]
    on_end: Callable[[str], None]
    deleted: set[str] = field(default_factory=set)


class User:
    """Looks after one execution after the other."""

    def __init__(self, name: str, wire: Wire, company: Company) -> None:
        self._name = name
        self._wire = wire
        self._random = wire.random
        self._company = company
        self._served = 0

    async def work(self, executions: int) -> None:
        """Serve so many executions."""
        for _ in range(executions):
            await asyncio.sleep(self._random.uniform(0, 0.5))
            self._served += 1
            await self._serve(self._random.choice(self._company.shapes))

    async def _serve(self, shape: Shape) -> None:
        started = await self._start(shape)
        run = started.execution
        self._company.on_start(run)
        whim = self._random.choices(["none", "pause", "cancel"], [6, 3, 1])[0]
        helpers = [self._signal(run, topic, values) for topic, values in started.told.items()]
        if whim == "pause" or shape.held:
            helpers.append(self._unpause_forever(run))
        if whim != "none":
            helpers.append(self._meddle(run, whim))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(helper) for helper in helpers]
            await self._wait(run, shape)
            for task in tasks:
                task.cancel()
        self._company.on_end(run)
        if _stands_alone(shape) and self._random.random() < 0.3:
            await self._delete(run)

    async def _start(self, shape: Shape) -> Started:
        random = self._random
        n = random.randrange(1_000)
        told = {
            topic: [random.randrange(1_000) for _ in range(times)]
            for topic, times in shape.topics.items()
        }
        request_id = f"{self._name}-{self._served}"
        request = pb.StartExecutionRequest(
            workflow=shape.name,
            inputs_json=json.dumps({"n": n}),
            id=f"of-{request_id}" if random.random() < 0.3 else "",
            request_id=request_id,
        )
        times = 2 if random.random() < 0.2 else 1  # at the same moment
        calls = [self._insist(lambda s: s.executions.StartExecution, request) for _ in range(times)]
        answers = await asyncio.gather(*calls)
        run = answers[0].execution_id
        once = len({answer.execution_id for answer in answers}) == 1
        self._company.report.require(once, "a request starts one execution", str(answers))
        self._wire.trace.note(self._name, f"has started {run} of {shape.name}")
        started = Started(run, shape.name, n, told, request_id)
        self._note(started)
        if random.random() < 0.2:
            many = pb.StartExecutionsRequest(requests=[request, request])
            again = await self._insist(lambda s: s.executions.StartExecutions, many)
            for result in again.results:
                if result.HasField("started"):
                    same = result.started.execution_id == run and not result.started.started
                    self._company.report.require(same, "a start can be repeated", str(result))
        return started

    async def _signal(self, run: str, topic: str, values: Sequence[int]) -> None:
        random = self._random
        for number, value in enumerate(values):
            signal_id = f"{topic} {number}"
            await asyncio.sleep(random.uniform(0, 1))
            request = pb.SignalExecutionRequest(
                execution_id=run,
                topic=topic,
                payload_json=json.dumps({"v": value}),
                signal_id=signal_id,
            )
            for _ in range(2 if random.random() < 0.3 else 1):
                await self._until_taken(request)
            self._note(Signaled(run, topic, signal_id, value))

    async def _until_taken(self, request: pb.SignalExecutionRequest) -> None:
        """Send to an execution that may have failed for now; the end of all cancels this."""
        while not await self._granted(lambda s: s.executions.SignalExecution, request):  # noqa: ASYNC110 - simulated time
            await asyncio.sleep(_PAUSE)

    async def _meddle(self, run: str, whim: str) -> None:
        await asyncio.sleep(self._random.uniform(0, 2))
        reason = f"a whim of {self._name}"
        if whim == "cancel":
            self._company.diary.note(Trying(run))
            cancel = pb.CancelExecutionRequest(execution_id=run, reason=reason)
            if await self._granted(lambda s: s.executions.CancelExecution, cancel):
                self._note(Asked(run, "cancel", reason))
            return
        pause = pb.PauseExecutionRequest(execution_id=run, reason=reason)
        if await self._granted(lambda s: s.executions.PauseExecution, pause):
            self._note(Asked(run, "pause", reason))

    async def _unpause_forever(self, run: str) -> None:
        request = pb.UnpauseExecutionRequest(execution_id=run)
        while True:
            await asyncio.sleep(self._random.uniform(0.3, 1))
            if await self._granted(lambda s: s.executions.UnpauseExecution, request):
                self._note(Asked(run, "unpause"))

    async def _wait(self, run: str, shape: Shape) -> None:
        """Wait for its end; mend and retry what has failed for now."""
        request = pb.GetExecutionRequest(execution_id=run, wait=Duration(seconds=2))
        while True:
            answer = await self._insist(lambda s: s.executions.GetExecution, request)
            status = answer.execution.status
            if not answer.execution.HasField("close_time"):
                continue
            if status == execution_pb2.EXECUTION_STATUS_FAILED and shape.fused:
                self._company.around.mended.add(run)
                retry = pb.RetryExecutionRequest(execution_id=run)
                if await self._granted(lambda s: s.executions.RetryExecution, retry):
                    self._note(Asked(run, "retry"))
                await asyncio.sleep(_PAUSE)
                continue
            name = execution_pb2.ExecutionStatus.Name(status).removeprefix("EXECUTION_STATUS_")
            self._note(Seen(run, name))
            return

    async def _delete(self, run: str) -> None:
        """Remove it: whoever repeats that may find it gone already."""
        request = pb.DeleteExecutionRequest(execution_id=run)
        await asyncio.sleep(self._random.uniform(0, 1))
        self._company.deleted.add(run)
        gone = Reason.EXECUTION_NOT_FOUND
        await self._granted(lambda s: s.executions.DeleteExecution, request, gone)
        self._wire.trace.note(self._name, f"has deleted {run}")

    async def _granted(
        self,
        method: Unary[Request, Response],
        request: Request,
        *reasons: Reason,
    ) -> bool:
        """Whether a wish was granted; an execution may not be there for it (any more)."""
        try:
            await self._insist(method, request)
        except Refused as refused:
            known = {Reason.EXECUTION_CLOSED, Reason.NOT_RETRYABLE, *reasons}
            promise = "a call fails only in ways that are told"
            self._company.report.require(refused.reason in known, promise, str(refused))
            return False
        return True

    async def _insist(self, method: Unary[Request, Response], request: Request) -> Response:
        """Repeat a call for as long as its fate is unknown. Raises ``Refused``."""
        while True:
            try:
                return await self._wire.call(method, request)
            except Broken:
                await asyncio.sleep(_PAUSE)
            except Refused as refused:
                if refused.reason not in _PASSING:
                    raise
                await asyncio.sleep(_PAUSE)

    def _note(self, note: Note) -> None:
        kind = note.wish if isinstance(note, Asked) else type(note).__name__.lower()
        self._company.report.count("acknowledged", kind)
        self._company.diary.note(note)


def _stands_alone(shape: Shape) -> bool:
    """Whether an execution of it leaves no others behind."""
    return not shape.follow_ups and not any(isinstance(piece, Children) for piece in shape.pieces)
