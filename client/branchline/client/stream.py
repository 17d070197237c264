"""One stream between a worker and the server, from the hello until it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, Protocol

import grpc

from branchline.client._refusals import refusal
from branchline.v1 import task_pb2
from branchline.v1 import task_service_pb2 as pb

if TYPE_CHECKING:
    from branchline.v1.task_service_pb2_grpc import TaskServiceAsyncStub

_LEASE_BEFORE_WELCOME: Final = 10.0
_MESSAGES_A_LEASE: Final = 6
"""Twice as many as a lease needs: a look that comes just too early leaves time for another."""


class Receiver(Protocol):
    """The worker as a stream sees it."""

    def welcomed(self) -> None:
        """The stream is up."""

    def take(self, task: task_pb2.Task) -> None:
        """A task has come."""

    def acknowledged(self, ack: task_pb2.OutcomeAck) -> None:
        """An outcome was answered."""

    def recorded(self, ack: task_pb2.RecordAck) -> None:
        """A record was answered."""

    def called_off(self, token: str) -> None:
        """A task is to be stopped."""

    def next_message(self) -> pb.StreamTasksRequest | None:
        """What there is to send; None for nothing."""


class Stream:
    """A writer that sleeps until there is something to send, and a reader."""

    def __init__(
        self,
        stub: TaskServiceAsyncStub,
        hello: pb.StreamTasksRequest,
        receiver: Receiver,
    ) -> None:
        self._stub = stub
        self._hello = hello
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._something = asyncio.Event()
        self._over = False
        self._keepalive_due = False
        self._keepalive_after = _LEASE_BEFORE_WELCOME / _MESSAGES_A_LEASE
        self._sent = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """There is something to send."""
        self._something.set()

    async def run(self) -> None:
        """Talk to the server until the stream ends.

        Raises:
            RpcError: the server refused the stream, or it broke.

        """
        call = self._stub.StreamTasks(self._messages())
        self._look_at_the_clock()
        try:
            async for message in call:
                self._receive(message)
        except grpc.aio.AioRpcError as error:
            raise refusal(error) from error
        finally:
            self._over = True
            self._something.set()
            if self._timer is not None:
                self._timer.cancel()
            call.cancel()

    async def _messages(self) -> AsyncIterator[pb.StreamTasksRequest]:
        self._sent = self._loop.time()
        yield self._hello
        while True:
            message = None if self._over else self._receiver.next_message()
            if message is None and self._keepalive_due:
                message = pb.StreamTasksRequest()
            if self._over:
                return
            if message is None:
                await self._something.wait()
                self._something.clear()
                continue
            self._keepalive_due = False
            self._sent = self._loop.time()
            yield message

    def _receive(self, message: pb.StreamTasksResponse) -> None:
        receiver = self._receiver
        for task in message.tasks:
            receiver.take(task)
        for ack in message.acks:
            receiver.acknowledged(ack)
        for record_ack in message.record_acks:
            receiver.recorded(record_ack)
        for cancellation in message.cancellations:
            receiver.called_off(cancellation.token)
        if message.HasField("welcome"):
            lease = message.welcome.lease_duration.ToTimedelta().total_seconds()
            self._keepalive_after = (lease or _LEASE_BEFORE_WELCOME) / _MESSAGES_A_LEASE
            self._look_at_the_clock()
            receiver.welcomed()

    def _look_at_the_clock(self) -> None:
        """One timer a stream, not one a message: a busy stream keeps its leases up by itself."""
        if self._timer is not None:
            self._timer.cancel()
        if self._loop.time() - self._sent >= self._keepalive_after:
            self._keepalive_due = True
            self._something.set()
        self._timer = self._loop.call_later(self._keepalive_after, self._look_at_the_clock)
