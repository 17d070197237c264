"""A server on loopback that says what a test tells it to say, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf import any_pb2, duration_pb2, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from branchline.v1 import (
    execution_pb2,
    execution_service_pb2,
    task_pb2,
    task_service_pb2,
    workflow_service_pb2,
)
from branchline.v1 import task_service_pb2 as pb

_SERVICES = (
    execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"],
    task_service_pb2.DESCRIPTOR.services_by_name["TaskService"],
    workflow_service_pb2.DESCRIPTOR.services_by_name["WorkflowService"],
)

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass
class Refusal:
    """An error as the server tells it."""

    code: grpc.StatusCode
    reason: str = ""
    message: str = "refused"
    metadata: dict[str, str] = field(default_factory=dict)
    violations: Sequence[tuple[str, str, str]] = ()
    """Field, description and reason."""
    delay_ms: int | None = None

    async def abort(self, context: Context) -> None:
        await context.abort_with_status(rpc_status.to_status(self._status()))

    def _status(self) -> status_pb2.Status:
        details: list[Message] = []
        if self.reason:
            details.append(
                error_details_pb2.ErrorInfo(
                    reason=self.reason, domain="branchline", metadata=self.metadata
                )
            )
        if self.violations:
            bad = error_details_pb2.BadRequest()
            for name, description, reason in self.violations:
                bad.field_violations.add(field=name, description=description, reason=reason)
            details.append(bad)
        if self.delay_ms is not None:
            delay = duration_pb2.Duration(nanos=self.delay_ms * 1_000_000)
            details.append(error_details_pb2.RetryInfo(retry_delay=delay))
        packed = [any_pb2.Any() for _ in details]
        for box, detail in zip(packed, details, strict=True):
            box.Pack(detail)
        code: int = self.code.value[0]
        return status_pb2.Status(code=code, message=self.message, details=packed)


class Silence:
    """No answer at all."""


SILENCE = Silence()
UNAVAILABLE = Refusal(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")

Plain = Message | Refusal | Silence
Answer = Plain | Callable[[Any], Plain]


class WorkerStream:
    """The server's end of one worker's stream, in a test's hands."""

    def __init__(self) -> None:
        self._unanswered: dict[str, None] = {}
        self._accepting = False
        self.requests: asyncio.Queue[pb.StreamTasksRequest] = asyncio.Queue()
        self.responses: asyncio.Queue[pb.StreamTasksResponse | Refusal] = asyncio.Queue()

    def take(self, request: pb.StreamTasksRequest) -> None:
        self.requests.put_nowait(request)
        self._unanswered |= dict.fromkeys(outcome.token for outcome in request.outcomes)
        if self._accepting:
            self.accept_everything()

    def accept_everything(self) -> None:
        """Accept what has come and what will come, so that the worker can end."""
        self._accepting = True
        self.accept(*self._unanswered)

    async def receive(self) -> pb.StreamTasksRequest:
        return await self.requests.get()

    async def receive_outcomes(self, count: int) -> list[task_pb2.TaskOutcome]:
        """As many outcomes, in however many messages they come."""
        found: list[task_pb2.TaskOutcome] = []
        while len(found) < count:
            found += (await self.receive()).outcomes
        return found

    async def receive_record(self) -> task_pb2.TaskRecord:
        """The next message's only record."""
        while not (message := await self.receive()).records:
            pass
        [record] = message.records
        return record

    def send(
        self,
        *,
        tasks: Sequence[task_pb2.Task] = (),
        acks: Sequence[task_pb2.OutcomeAck] = (),
        cancel: Sequence[str] = (),
        record_acks: Sequence[task_pb2.RecordAck] = (),
    ) -> None:
        cancellations = [task_pb2.TaskCancellation(token=token) for token in cancel]
        self.responses.put_nowait(
            pb.StreamTasksResponse(
                tasks=tasks, acks=acks, cancellations=cancellations, record_acks=record_acks
            )
        )
        for ack in acks:
            self._unanswered.pop(ack.token, None)

    def accept(self, *tokens: str) -> None:
        self.send(acks=[task_pb2.OutcomeAck(token=token, accepted=True) for token in tokens])

    def refuse(self, token: str, reason: str) -> None:
        self.send(acks=[task_pb2.OutcomeAck(token=token, reason=reason)])

    def keep(self, record: task_pb2.TaskRecord) -> None:
        """Say that a value is durable."""
        ack = task_pb2.RecordAck(token=record.token, key=record.key, accepted=True)
        self.send(record_acks=[ack])

    def refuse_record(self, record: task_pb2.TaskRecord, reason: str) -> None:
        ack = task_pb2.RecordAck(token=record.token, key=record.key, reason=reason)
        self.send(record_acks=[ack])

    def welcome(self, lease: float = 30.0) -> None:
        duration = duration_pb2.Duration()
        duration.FromMicroseconds(int(lease * 1e6))
        self.responses.put_nowait(
            pb.StreamTasksResponse(welcome=pb.WorkerWelcome(lease_duration=duration))
        )

    def break_off(self, refusal: Refusal = UNAVAILABLE) -> None:
        self.responses.put_nowait(refusal)


class WaitStream:
    """The server's end of one AwaitExecutions, in a test's hands."""

    def __init__(self) -> None:
        self.requests: asyncio.Queue[execution_service_pb2.AwaitExecutionsRequest] = asyncio.Queue()
        self.responses: asyncio.Queue[execution_service_pb2.AwaitExecutionsResponse | Refusal] = (
            asyncio.Queue()
        )

    def take(self, request: execution_service_pb2.AwaitExecutionsRequest) -> None:
        self.requests.put_nowait(request)

    async def named(self, count: int) -> set[str]:
        """As many ids as are named next, in however many messages they come."""
        found: set[str] = set()
        while len(found) < count:
            found.update((await self.requests.get()).execution_ids)
        return found

    def close(self, *executions: execution_pb2.Execution) -> None:
        """Say that executions have closed."""
        self.responses.put_nowait(
            execution_service_pb2.AwaitExecutionsResponse(executions=executions)
        )

    def break_off(self, refusal: Refusal = UNAVAILABLE) -> None:
        self.responses.put_nowait(refusal)


class ScriptedServer:
    """Answers by the script of a test; the last answer of a method is given again and again.

    A streaming answer is a list of messages, with a refusal at its end or not.
    """

    def __init__(self, port: int = 0) -> None:
        self.received: dict[str, list[Any]] = defaultdict(list)
        self.streams: asyncio.Queue[WorkerStream] = asyncio.Queue()
        self.waits: asyncio.Queue[WaitStream] = asyncio.Queue()
        """Streams of AwaitExecutions for which there is no script."""
        self._all_streams: list[WorkerStream] = []
        self._answers: dict[str, deque[Any]] = {}
        self._port = port
        self._server = grpc.aio.server(options=[("grpc.max_receive_message_length", 8_000_000)])
        for service in _SERVICES:
            handlers = {method.name: self._handler(method) for method in service.methods}
            handler = grpc.method_handlers_generic_handler(service.full_name, handlers)
            self._server.add_generic_rpc_handlers((handler,))

    def script(self, method: str, *answers: Answer | Sequence[Message | Refusal]) -> None:
        self._answers[method] = deque(answers)

    def accept_everything(self) -> None:
        """Accept every outcome from now on, so that workers can end."""
        for stream in self._all_streams:
            stream.accept_everything()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        self._port = self._server.add_insecure_port(self.address)
        await self._server.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._server.stop(None)

    def _handler(self, method: MethodDescriptor) -> grpc.RpcMethodHandler[Any, Any]:
        read = message_factory.GetMessageClass(method.input_type).FromString
        write = message_factory.GetMessageClass(method.output_type).SerializeToString
        if method.client_streaming:
            stream_stream = self._client_stream(method.name)
            return grpc.stream_stream_rpc_method_handler(stream_stream, read, write)

        async def stream(request: Message, context: Context) -> AsyncIterator[Message]:
            for item in self._answer(method.name, request):
                if isinstance(item, Refusal):
                    await item.abort(context)
                yield item

        async def unary(request: Message, context: Context) -> Message:
            answer = self._answer(method.name, request)
            if callable(answer):
                answer = answer(request)
            if isinstance(answer, Refusal):
                await answer.abort(context)
            if isinstance(answer, Silence):
                await asyncio.Event().wait()
            result: Message = answer
            return result

        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(stream, read, write)
        return grpc.unary_unary_rpc_method_handler(unary, read, write)

    def _answer(self, method: str, request: Message) -> Any:  # noqa: ANN401 - what the test said
        self.received[method].append(request)
        answers = self._answers[method]
        return answers.popleft() if len(answers) > 1 else answers[0]

    def _client_stream(self, method: str) -> Any:  # noqa: ANN401 - gRPC knows no coroutines here
        streams = {"StreamTasks": self._worker_stream, "AwaitExecutions": self._wait_stream}
        return streams[method]

    async def _worker_stream(
        self, requests: AsyncIterator[pb.StreamTasksRequest], context: Context
    ) -> AsyncIterator[pb.StreamTasksResponse]:
        stream = WorkerStream()
        self.streams.put_nowait(stream)
        self._all_streams.append(stream)
        async for response in _play(stream, requests, context):
            yield response

    async def _wait_stream(
        self,
        requests: AsyncIterator[execution_service_pb2.AwaitExecutionsRequest],
        context: Context,
    ) -> AsyncIterator[execution_service_pb2.AwaitExecutionsResponse]:
        stream = WaitStream()
        if "AwaitExecutions" in self._answers:
            # Whoever waits has named somebody before anything is answered.
            for item in self._answer("AwaitExecutions", await anext(requests)):
                stream.responses.put_nowait(item)
        else:
            self.waits.put_nowait(stream)
        async for response in _play(stream, requests, context):
            yield response


async def _play(
    stream: WorkerStream | WaitStream, requests: AsyncIterator[Any], context: Context
) -> AsyncIterator[Any]:
    reading = asyncio.create_task(_read(requests, stream))
    try:
        while True:
            response = await stream.responses.get()
            if isinstance(response, Refusal):
                await response.abort(context)
            else:
                yield response
    finally:
        reading.cancel()


async def _read(requests: AsyncIterator[Any], stream: WorkerStream | WaitStream) -> None:
    async for request in requests:
        stream.take(request)
