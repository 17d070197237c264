"""Workers: with a stream, and the SDK's own outbox; they misbehave as drawn."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Final

from branchline.client import outcomes
from branchline.client.outbox import Outbox, Verdict
from branchline.server.errors import Reason
from branchline.v1 import task_pb2
from branchline.v1 import task_service_pb2 as pb
from tests.chaos.report import Report
from tests.simulation.activities import OFFERED, Activity, Surroundings
from tests.simulation.server import SETTINGS, Broken, Refused
from tests.simulation.wire import Stream, Talk, Wire

_KEEPALIVE: Final = SETTINGS.lease / 4
_LATER: Final = 0.3
_PASSING: Final = frozenset({Reason.STORE_UNAVAILABLE, Reason.SHUTTING_DOWN, Reason.OVERLOADED})
_REPLACED: Final = Reason.WORKER_REPLACED


class Worker:
    """Stays connected, runs what it is sent, and repeats what is not acknowledged."""

    def __init__(
        self, name: str, wire: Wire, around: Surroundings, report: Report, random: Random
    ) -> None:
        self.name = name
        self._wire = wire
        self._around = around
        self._report = report
        self._random = random
        self._lives = 0
        self._room = random.choice((1, 2, 10))
        self._outbox = Outbox()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._errands: list[asyncio.Task[None]] = []
        self._durable: dict[tuple[str, str], asyncio.Event] = {}
        self._talk: Talk[pb.StreamTasksRequest] | None = None
        self._stream: Stream[pb.StreamTasksResponse] | None = None
        self._welcome = False
        self._silent_until = 0.0
        self._pause = 0.0
        self._loop = asyncio.get_running_loop()

    # What becomes of it

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                self._pause = 0.0
                await self._stream_once()
            except Broken:
                pass
            except Refused as refused:
                known = refused.reason in _PASSING or refused.reason is _REPLACED
                self._report.require(known, "streams end only in ways that are told", str(refused))
            finally:
                self._drop_stream()
            await asyncio.sleep(self._random.uniform(0.05, 0.3) + self._pause)

    def suffer(self) -> None:
        """Let something happen to it."""
        what = self._random.choice(("crash", "hang up", "silence", "hang up silently", "drain"))
        self._wire.trace.note(self.name, f"a blow: {what}")
        if what == "crash":
            self.crash()
        elif what == "silence":
            self._silent_until = self._loop.time() + self._random.uniform(0.5, 3.5)
        elif what == "drain" and self._talk is not None:
            self._talk.say(None)
        else:
            self._pause = self._random.uniform(0, 3)
            self._drop_stream(silently=what == "hang up silently")

    def crash(self) -> None:
        """Lose everything; come back, perhaps under another name."""
        self._wire.trace.note(self.name, "the worker crashes")
        for running in self._running.values():
            running.cancel()
        self._running.clear()
        self._durable.clear()
        self._outbox = Outbox()
        self._pause = self._random.uniform(0, 3)
        if self._random.random() < 0.5:
            self._lives += 1
        self._drop_stream(silently=self._random.random() < 0.2)

    # What it does for activities

    async def record(self, token: str, key: str, value: str) -> None:
        """See Means."""
        durable = self._durable[token, key] = asyncio.Event()
        self._outbox.record(task_pb2.TaskRecord(token=token, key=key, value_json=value))
        self._say()
        await durable.wait()

    def progress(self, token: str, message: str) -> None:
        """See Means."""
        self._outbox.heartbeat(token, (message, ""))
        self._say()

    # Inside

    def _drop_stream(self, *, silently: bool = False) -> None:
        if self._stream is not None:
            self._stream.hang_up(silently=silently)
        self._stream = self._talk = None
        self._welcome = False

    async def _stream_once(self) -> None:
        self._outbox.reconnect()
        talk: Talk[pb.StreamTasksRequest] = Talk(self._wire)
        hello = pb.WorkerHello(
            worker_id=f"{self.name}.{self._lives}", activities=OFFERED, max_tasks=self._room
        )
        hello.held_tokens.extend((*self._running, *self._outbox.tokens))
        talk.say(pb.StreamTasksRequest(hello=hello))
        stream = self._stream = self._wire.stream(lambda s: s.tasks.StreamTasks, talk.heard())
        self._talk = talk
        # Like the SDK, it does not wait for the welcome before it repeats what it has to say.
        self._say()
        self._keep_alive(talk)
        while (answer := await stream.next()) is not None:
            await self._silence()
            if self._stream is stream:
                self._take(answer)

    def _keep_alive(self, talk: Talk[pb.StreamTasksRequest]) -> None:
        if self._talk is not talk:
            return
        if self._silent_until <= self._loop.time():
            talk.say(pb.StreamTasksRequest())
        self._loop.call_later(_KEEPALIVE, self._keep_alive, talk)

    async def _silence(self) -> None:
        while (pause := self._silent_until - self._loop.time()) > 0:  # noqa: ASYNC110 - simulated time
            await asyncio.sleep(pause)

    def _say(self) -> None:
        """Send what waits, unless it is silent for now."""
        pause = self._silent_until - self._loop.time()
        if self._talk is None:
            return
        if pause > 0:
            self._loop.call_later(pause, self._say)
            return
        while (message := self._outbox.next_message()) is not None:
            self._talk.say(message)

    def _take(self, answer: pb.StreamTasksResponse) -> None:
        for task in answer.tasks:
            self._begin(task)
        for ack in answer.acks:
            self._acknowledged(ack)
        for record in answer.record_acks:
            self._recorded(record)
        for stopped in answer.cancellations:
            self._call_off(stopped.token)

    def _begin(self, task: task_pb2.Task) -> None:
        if task.token in self._running or task.token in self._outbox:
            return
        what = f"{task.execution_id} {task.step!r} item {task.item} attempt {task.attempt}"
        self._wire.trace.note(self.name, f"gets {task.token}: {what}")
        if self._strikes():
            self._end(outcomes.released(task.token))
            return
        running = self._loop.create_task(self._perform(task))
        self._running[task.token] = running

    async def _perform(self, task: task_pb2.Task) -> None:
        outcome = await Activity(task, self, self._around, self._random).run()
        await self._silence()
        if self._running.pop(task.token, None) is None:
            return
        self._end(outcome)

    def _end(self, outcome: task_pb2.TaskOutcome) -> None:
        self._wire.trace.note(
            self.name, f"reports {outcome.token}: {outcome.WhichOneof('outcome')}"
        )
        self._outbox.add(outcome)
        self._say()
        if self._strikes():
            self._errands.append(self._loop.create_task(self._report_twice(outcome)))

    async def _report_twice(self, outcome: task_pb2.TaskOutcome) -> None:
        """Say it once more, perhaps long after, and not on the stream."""
        await asyncio.sleep(self._random.uniform(0, 3))
        request = pb.ReportTasksRequest(outcomes=[outcome])
        try:
            await self._wire.call(lambda s: s.tasks.ReportTasks, request)
        except (Broken, Refused):
            return

    def _acknowledged(self, ack: task_pb2.OutcomeAck) -> None:
        verdict = self._outbox.acknowledge(ack)
        self._wire.trace.note(self.name, f"answered {ack.token}: {ack.reason or 'stored'}")
        if verdict is Verdict.LATER:
            self._loop.call_later(_LATER, self._repeat)
        fine = verdict in {Verdict.SETTLED, Verdict.LATER, Verdict.LOST}
        self._report.require(fine, "outcomes are refused only in ways that are told", str(ack))

    def _recorded(self, ack: task_pb2.RecordAck) -> None:
        verdict = self._outbox.acknowledge_record(ack)
        if verdict is Verdict.SETTLED:
            durable = self._durable.pop((ack.token, ack.key), None)
            if durable is not None:
                durable.set()
        elif verdict is Verdict.LATER:
            self._loop.call_later(_LATER, self._repeat)
        elif verdict is Verdict.LOST:
            self._call_off(ack.token)
        dropped = verdict is Verdict.DROPPED
        self._report.require(
            not dropped, "records are refused only in ways that are told", str(ack)
        )

    def _repeat(self) -> None:
        self._outbox.repeat()
        self._say()

    def _call_off(self, token: str) -> None:
        self._wire.trace.note(self.name, f"is told to stop {token}")
        self._outbox.withdraw(token)
        running = self._running.pop(token, None)
        if running is not None:
            running.cancel()

    def _strikes(self) -> bool:
        faults = self._wire.faults
        return not faults.over and self._random.random() < faults.odds.mischief
