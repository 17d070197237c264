"""What a running worker consists of, and what goes between the parts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from branchline.client import outcomes
from branchline.client._backoff import Backoff
from branchline.client.activities import Activity
from branchline.client.connection import call_until_it_passes, open_channel
from branchline.client.errors import InvalidRequest, PayloadTooLarge, RpcError, WorkerReplaced
from branchline.client.outbox import Outbox, Verdict
from branchline.client.recording import refused_record
from branchline.client.runner import Runner
from branchline.client.stream import Stream
from branchline.v1 import task_pb2
from branchline.v1 import task_service_pb2 as pb
from branchline.v1.task_service_pb2_grpc import TaskServiceStub

if TYPE_CHECKING:
    from branchline.v1.task_service_pb2_grpc import TaskServiceAsyncStub

_log: Final = logging.getLogger("branchline.worker")

_LONGEST_PAUSE: Final = 5.0
_LONGEST_QUESTION: Final = 30.0
"""Seconds that an activity waits for its branch's state when the server is away."""
_HOPELESS: Final = frozenset({"UNIMPLEMENTED", "UNAUTHENTICATED", "PERMISSION_DENIED"})


class Crew:
    """The parts of a running worker, and what goes between them."""

    def __init__(
        self,
        address: str,
        offer: pb.WorkerHello,
        activities: Mapping[str, Activity],
        threads: int,
        connected: asyncio.Event,
    ) -> None:
        self._address = address
        self._offer = offer
        self._connected = connected
        self._loop = asyncio.get_running_loop()
        self._outbox = Outbox()
        self._runner = Runner(activities, threads, self)
        self._channel = open_channel(address)
        self._stub: TaskServiceAsyncStub = TaskServiceStub(self._channel)
        self._stream: Stream | None = None
        self._settled = asyncio.Event()
        self._backoff = Backoff(_LONGEST_PAUSE)
        self._repeats = Backoff(_LONGEST_PAUSE)
        self._repeating: asyncio.TimerHandle | None = None
        self._out_of_reach = False

    async def stay_connected(self) -> None:
        """Keep a stream up. Raises ``RpcError`` when there is no point in trying."""
        while True:
            await self._stream_once()
            await asyncio.sleep(self._backoff.pause())

    async def _stream_once(self) -> None:
        self._outbox.reconnect()
        stream = self._stream = Stream(self._stub, self._hello(), self)
        try:
            await stream.run()
        except RpcError as error:
            self._broken(error)
        else:
            self._log_outage("the server ended the stream")
        finally:
            self._stream = None
            self._connected.clear()

    def _hello(self) -> pb.StreamTasksRequest:
        message = pb.StreamTasksRequest(hello=self._offer, draining=self._outbox.draining)
        message.hello.held_tokens.extend((*self._runner.tokens, *self._outbox.tokens))
        return message

    def _broken(self, error: RpcError) -> None:
        if error.reason == "INVALID_TASK_TOKEN":
            _log.error("the server does not know the tasks in hand, they are dropped: %s", error)
            self._runner.stop_all()
            self._outbox.forget_all()
        elif isinstance(error, InvalidRequest | WorkerReplaced) or error.code in _HOPELESS:
            raise error
        elif isinstance(error, PayloadTooLarge) or _is_too_large(error):
            given_up = self._outbox.give_up_largest()
            if given_up is not None:
                self._runner.recorded(given_up.token, given_up.key, refused_record(given_up))
        self._log_outage(str(error))

    def _log_outage(self, problem: str) -> None:
        if not self._out_of_reach:
            self._out_of_reach = True
            _log.warning("no connection to %s, trying on: %s", self._address, problem)

    def welcomed(self) -> None:
        """The stream is up."""
        _log.info("connected to %s as %s", self._address, self._offer.worker_id)
        self._out_of_reach = False
        self._backoff.reset()
        self._connected.set()

    def next_message(self) -> pb.StreamTasksRequest | None:
        """What there is to send."""
        return self._outbox.next_message()

    def take(self, task: task_pb2.Task) -> None:
        """A task has come."""
        if task.token in self._runner or task.token in self._outbox:
            return
        if self._outbox.draining:
            self.ended(outcomes.released(task.token))
        else:
            self._runner.start(task)

    def called_off(self, token: str) -> None:
        """A task is to be stopped; its outcome no longer counts."""
        self._runner.stop(token)
        self._outbox.withdraw(token)
        self._look_whether_settled()

    def acknowledged(self, ack: task_pb2.OutcomeAck) -> None:
        """An outcome was answered."""
        verdict = self._outbox.acknowledge(ack)
        if verdict is Verdict.SETTLED:
            self._repeats.reset()
        elif verdict is Verdict.LATER:
            self._repeat_later()
        elif verdict is Verdict.LOST:
            _log.info("an outcome came too late: %s", ack.message or ack.reason)
        else:
            _log.error("the server refused an outcome: %s", ack.message or ack.reason)
            self._wake()
        self._look_whether_settled()

    def recorded(self, ack: task_pb2.RecordAck) -> None:
        """A record was answered."""
        verdict = self._outbox.acknowledge_record(ack)
        if verdict is Verdict.SETTLED:
            self._repeats.reset()
            self._runner.recorded(ack.token, ack.key)
        elif verdict is Verdict.LATER:
            self._repeat_later()
        elif verdict is Verdict.LOST:
            _log.info("a value came too late: %s", ack.message or ack.reason)
            self.called_off(ack.token)
        else:
            self._runner.recorded(ack.token, ack.key, refused_record(ack))

    def _repeat_later(self) -> None:
        if self._repeating is None:
            self._repeating = self._loop.call_later(self._repeats.pause(), self._repeat)

    def _repeat(self) -> None:
        self._repeating = None
        self._outbox.repeat()
        self._wake()

    def ended(self, outcome: task_pb2.TaskOutcome) -> None:
        """A task has ended."""
        self._outbox.add(outcome)
        self._wake()

    def heartbeat(self, token: str, progress: tuple[str, str] | None) -> None:
        """An activity has given a sign of life."""
        self._outbox.heartbeat(token, progress)
        self._wake()

    def record(self, record: task_pb2.TaskRecord) -> None:
        """An activity records a value."""
        self._outbox.record(record)
        self._wake()

    async def branch_state(self, token: str) -> pb.GetBranchStateResponse:
        """An activity asks for its branch. Raises ``RpcError``."""
        request = pb.GetBranchStateRequest(token=token)
        return await call_until_it_passes(self._stub.GetBranchState, request, _LONGEST_QUESTION)

    def _wake(self) -> None:
        if self._stream is not None:
            self._stream.wake()

    def _look_whether_settled(self) -> None:
        if self._outbox.draining and self._outbox.settled:
            self._settled.set()

    async def drain(self, grace: float, last_words: float) -> None:
        """Finish what ends in time, give the rest back, and see it stored.

        Both times are in seconds: for the tasks to end, and for the server to answer.
        """
        self._outbox.drain()
        self._wake()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._runner.idle(), grace)
        for token in self._runner.stop_all():
            self._outbox.add(outcomes.released(token))
        self._wake()
        if self._outbox.settled:
            return
        self._settled.clear()
        try:
            await asyncio.wait_for(self._settled.wait(), last_words)
        except TimeoutError:
            _log.warning("%d outcomes were not stored", len(self._outbox.tokens))

    async def close(self) -> None:
        """Stop whatever is left."""
        if self._repeating is not None:
            self._repeating.cancel()
        try:
            await self._runner.close()
        finally:
            await self._channel.close()


def _is_too_large(error: RpcError) -> bool:
    """Whether gRPC itself refused a message for its size; that has no reason of Branchline's."""
    return error.code == "RESOURCE_EXHAUSTED" and not error.reason
