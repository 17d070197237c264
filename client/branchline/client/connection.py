"""The way to a server: one channel, typed errors, and calls that are repeated until they pass."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import grpc

from branchline.client._awaiting import Awaiting
from branchline.client._backoff import Backoff
from branchline.client._gathering import Gathering
from branchline.client._refusals import asked_delay, can_be_repeated, refusal
from branchline.client.errors import RpcError
from branchline.v1 import execution_service_pb2 as pb
from branchline.v1 import execution_service_pb2_grpc, workflow_service_pb2_grpc

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")

MAX_MESSAGE: Final = 64 * 1024 * 1024
"""The largest message in bytes."""
LARGEST: Final = MAX_MESSAGE - 1024 * 1024
"""The largest part of a message in bytes; it leaves room for what goes along."""

_LONGEST_PAUSE: Final = 2.0
_SHORTEST_CALL: Final = 0.001
"""Seconds; gRPC takes a timeout of 0 for none at all."""

_OPTIONS: Final = [
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    # A dead connection under an open stream is found within half a minute.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    # gRPC's own patience with a server that was away is two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]


def server_address(address: str | None) -> str:
    """The address to use: the given one, else ``BRANCHLINE_ADDRESS``, else ``localhost:7717``."""
    return address or os.environ.get("BRANCHLINE_ADDRESS") or "localhost:7717"


def open_channel(address: str) -> grpc.aio.Channel:
    """Open a channel; it connects when it is first used."""
    return grpc.aio.insecure_channel(address, options=_OPTIONS)


class Connection:
    """One channel to a server and the services behind it."""

    def __init__(self, address: str, timeout: float) -> None:
        self.address = address
        self.timeout = timeout
        """Seconds that a call may take, with its repetitions."""
        self._channel = open_channel(address)
        self.workflows: workflow_service_pb2_grpc.WorkflowServiceAsyncStub = (
            workflow_service_pb2_grpc.WorkflowServiceStub(self._channel)
        )
        self.executions: execution_service_pb2_grpc.ExecutionServiceAsyncStub = (
            execution_service_pb2_grpc.ExecutionServiceStub(self._channel)
        )
        self.awaiting = Awaiting(self.executions, timeout)
        self.starts = Gathering(self._start_together, self._start_alone, timeout)
        self.signals = Gathering(self._signal_together, self._signal_alone, timeout)

    async def close(self) -> None:
        """End the calls that are under way and close the channel."""
        await self.starts.close()
        await self.signals.close()
        await self.awaiting.close()
        await self._channel.close()

    async def call(
        self,
        method: Callable[..., Awaitable[_Response]],
        request: _Request,
        *,
        timeout: float | None = None,
        repeating: Callable[[RpcError], None] | None = None,
    ) -> _Response:
        """Make a call that may safely be made again, until it passes or the time is over.

        Before a repetition ``repeating`` is told why.

        Raises:
            RpcError: the call was refused, or time ran out.

        """
        limit = self.timeout if timeout is None else timeout
        return await call_until_it_passes(method, request, limit, repeating)

    async def _start_together(
        self, requests: list[pb.StartExecutionRequest]
    ) -> list[pb.StartExecutionResponse | None]:
        request = pb.StartExecutionsRequest(requests=requests)
        answer = await self.call(self.executions.StartExecutions, request)
        return [each.started if each.HasField("started") else None for each in answer.results]

    async def _start_alone(
        self, request: pb.StartExecutionRequest, timeout: float
    ) -> pb.StartExecutionResponse:
        return await self.call(self.executions.StartExecution, request, timeout=timeout)

    async def _signal_together(
        self, requests: list[pb.SignalExecutionRequest]
    ) -> list[pb.SignalExecutionResponse | None]:
        request = pb.SignalExecutionsRequest(requests=requests)
        answer = await self.call(self.executions.SignalExecutions, request)
        sent = pb.SignalExecutionResponse()
        return [None if each.HasField("error") else sent for each in answer.results]

    async def _signal_alone(
        self, request: pb.SignalExecutionRequest, timeout: float
    ) -> pb.SignalExecutionResponse:
        return await self.call(self.executions.SignalExecution, request, timeout=timeout)


async def call_until_it_passes(
    method: Callable[..., Awaitable[_Response]],
    request: _Request,
    timeout: float,
    repeating: Callable[[RpcError], None] | None = None,
) -> _Response:
    """Make a call that may safely be made again, until it passes or the time is over.

    ``timeout`` is in seconds. Before a repetition ``repeating`` is told why.

    Raises:
        RpcError: the call was refused, or time ran out.

    """
    clock = asyncio.get_running_loop().time
    end = clock() + timeout
    backoff = Backoff(_LONGEST_PAUSE)
    while True:
        try:
            return await method(request, timeout=max(end - clock(), _SHORTEST_CALL))
        except grpc.aio.AioRpcError as error:
            refused = refusal(error)
            pause = backoff.pause(asked_delay(error))
            if not can_be_repeated(refused) or clock() + pause >= end:
                raise refused from error
        if repeating is not None:
            repeating(refused)
        await asyncio.sleep(pause)
