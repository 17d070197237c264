"""TaskService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial

import structlog
from google.protobuf.message import DecodeError

from branchline.engine.definition import DEFAULT_QUEUE
from branchline.engine.values import encode_text
from branchline.server.dispatch import Ack, Offer, RecordAnswer, Worker, WorkerOutbox
from branchline.server.errors import Reason, ServiceError, internal, invalid_field
from branchline.server.rpc.batches import in_messages
from branchline.server.rpc.calls import Context, streaming, unary
from branchline.server.rpc.checks import duration, not_negative, required, short, span
from branchline.server.rpc.outcomes import OutcomeReader
from branchline.server.rpc.task_messages import (
    ack_message,
    cancellation_message,
    record_ack_message,
    task_message,
)
from branchline.server.workers import Workers
from branchline.v1 import task_pb2
from branchline.v1 import task_service_pb2 as pb
from branchline.v1.task_service_pb2_grpc import TaskServiceServicer

log = structlog.get_logger(__name__)

_MOST_TASKS = 10_000
_DEFAULT_TASKS = 100
_MOST_REPORTS = 1_000
_MOST_POLLED = 1_000
_MOST_ACTIVITIES = 1_000
_DEFAULT_POLL = 20.0
_LONGEST_POLL = 60.0
_TASKS_A_MESSAGE = 100


class Tasks(TaskServiceServicer):
    """Gives tasks to workers and takes their outcomes."""

    def __init__(self, workers: Workers, outcomes: OutcomeReader) -> None:
        self._workers = workers
        self._outcomes = outcomes

    @streaming
    async def StreamTasks(
        self, requests: AsyncIterator[pb.StreamTasksRequest], context: Context
    ) -> AsyncIterator[pb.StreamTasksResponse]:
        hello = await _first(requests)
        if hello is None or not hello.HasField("hello"):
            raise invalid_field("hello", "must be in the first message of the stream")
        worker, outbox = await self._connect(hello.hello)
        reading = asyncio.create_task(self._read(worker, outbox, hello, requests))
        try:
            yield pb.StreamTasksResponse(welcome=self._welcome())
            while not outbox.done:
                await outbox.wait()
                for response in _responses(outbox):
                    yield response
            if outbox.closed is not None:
                raise outbox.closed
        finally:
            reading.cancel()
            self._workers.disconnect(worker, outbox)

    @unary
    async def PollTasks(
        self, request: pb.PollTasksRequest, context: Context
    ) -> pb.PollTasksResponse:
        offers = _offers(request.task_queue, request.activities)
        worker_id = required("worker_id", request.worker_id, 200)
        room = _at_most("max_tasks", not_negative("max_tasks", request.max_tasks), _MOST_POLLED)
        wait = _DEFAULT_POLL
        if request.HasField("wait"):
            wait = span("wait", request.wait, _LONGEST_POLL)
        deliveries = await self._workers.poll(worker_id, offers, room or 1, wait)
        return pb.PollTasksResponse(
            tasks=[task_message(delivery) for delivery in deliveries],
            lease_duration=duration(int(self._workers.lease * 1e6)),
        )

    @unary
    async def ReportTasks(
        self, request: pb.ReportTasksRequest, context: Context
    ) -> pb.ReportTasksResponse:
        _at_most("outcomes", len(request.outcomes), _MOST_REPORTS)
        _at_most("heartbeats", len(request.heartbeats), _MOST_REPORTS)
        _at_most("records", len(request.records), _MOST_REPORTS)
        await self._outcomes.take_up(request.heartbeats)
        # What an activity said before it ended is told before its end.
        stopped = [
            cancellation_message(*stop)
            for stop in map(self._outcomes.heartbeat, request.heartbeats)
            if stop is not None
        ]
        record_acks = await asyncio.gather(*map(self._record, request.records))
        acks = await asyncio.gather(*map(self._report, request.outcomes))
        return pb.ReportTasksResponse(acks=acks, cancellations=stopped, record_acks=record_acks)

    @unary
    async def GetBranchState(
        self, request: pb.GetBranchStateRequest, context: Context
    ) -> pb.GetBranchStateResponse:
        [token] = self._outcomes.tokens([required("token", request.token)])
        state = await self._workers.branch_state(token)
        return pb.GetBranchStateResponse(
            state_json=encode_text(state.variables), inputs_json=encode_text(state.inputs)
        )

    async def _connect(self, hello: pb.WorkerHello) -> tuple[Worker, WorkerOutbox]:
        worker_id = required("hello.worker_id", hello.worker_id, 200)
        offers = _offers(hello.task_queue, hello.activities)
        asked = not_negative("hello.max_tasks", hello.max_tasks)
        room = _at_most("hello.max_tasks", asked, _MOST_TASKS) or _DEFAULT_TASKS
        held = self._outcomes.tokens(hello.held_tokens)
        return await self._workers.connect(worker_id, offers, room, held)

    def _welcome(self) -> pb.WorkerWelcome:
        return pb.WorkerWelcome(lease_duration=duration(int(self._workers.lease * 1e6)))

    async def _read(
        self,
        worker: Worker,
        outbox: WorkerOutbox,
        first: pb.StreamTasksRequest,
        requests: AsyncIterator[pb.StreamTasksRequest],
    ) -> None:
        """Take what a worker says until its stream ends."""
        try:
            await self._take(worker, outbox, first)
            async for request in requests:
                if outbox.closed is not None:
                    return  # Whatever took this stream's place speaks for the worker.
                await self._take(worker, outbox, request)
                await outbox.uncrowded()
        except ServiceError as error:
            outbox.close(error)
        except DecodeError:
            outbox.close(_garbled())
        except Exception:
            log.exception("reading a worker's stream failed", worker=worker.id)
            outbox.close(internal())
        else:
            self._workers.drain(worker, outbox)
            outbox.finish()

    async def _take(
        self, worker: Worker, outbox: WorkerOutbox, request: pb.StreamTasksRequest
    ) -> None:
        self._workers.seen(worker, outbox)
        await self._outcomes.take_up(request.heartbeats)
        outbox.expect(len(request.outcomes) + len(request.records))
        # What an activity said before it ended is told before its end.
        for heartbeat in request.heartbeats:
            stop = self._outcomes.heartbeat(heartbeat)
            if stop is not None:
                outbox.cancel(*stop)
        for record in request.records:
            answer = partial(outbox.answer_record, record.token, record.key)
            self._outcomes.record(record, answer)
        for outcome in request.outcomes:
            self._outcomes.report(outcome, partial(outbox.acknowledge, outcome.token))
        if request.draining:
            self._workers.drain(worker, outbox)

    async def _record(self, record: task_pb2.TaskRecord) -> task_pb2.RecordAck:
        answered: asyncio.Future[ServiceError | None] = asyncio.get_running_loop().create_future()
        self._outcomes.record(record, partial(_settle, answered))
        return record_ack_message(RecordAnswer(record.token, record.key, await answered))

    async def _report(self, outcome: task_pb2.TaskOutcome) -> task_pb2.OutcomeAck:
        answered: asyncio.Future[ServiceError | None] = asyncio.get_running_loop().create_future()
        self._outcomes.report(outcome, partial(_settle, answered))
        return ack_message(Ack(outcome.token, await answered))


async def _first(
    requests: AsyncIterator[pb.StreamTasksRequest],
) -> pb.StreamTasksRequest | None:
    try:
        return await anext(requests, None)
    except DecodeError:
        raise _garbled() from None


def _garbled() -> ServiceError:
    message = "a message of the stream is no StreamTasksRequest"
    return ServiceError(Reason.INVALID_FIELD, message)


def _settle(answered: asyncio.Future[ServiceError | None], error: ServiceError | None) -> None:
    if not answered.done():
        answered.set_result(error)


def _responses(outbox: WorkerOutbox) -> list[pb.StreamTasksResponse]:
    """Everything that waits, in messages of a bounded number of tasks."""
    outgoing = outbox.take()
    if not any(outgoing):
        return []
    answers = pb.StreamTasksResponse(
        acks=map(ack_message, outgoing.acks),
        record_acks=map(record_ack_message, outgoing.records),
        cancellations=[cancellation_message(*stop) for stop in outgoing.cancellations],
    )
    groups = in_messages(map(task_message, outgoing.deliveries), _TASKS_A_MESSAGE)
    responses = [pb.StreamTasksResponse(tasks=group) for group in groups]
    if not responses:
        return [answers]
    responses[0].MergeFrom(answers)
    return responses


def _offers(queue: str, activities: Sequence[str]) -> tuple[Offer, ...]:
    if not activities:
        raise invalid_field("activities", "must name at least one activity that is offered")
    _at_most("activities", len(activities), _MOST_ACTIVITIES)
    short("task_queue", queue, 200)
    return tuple(
        (queue or DEFAULT_QUEUE, short("activities", activity))
        for activity in dict.fromkeys(activities)
    )


def _at_most(field: str, number: int, most: int) -> int:
    if number > most:
        raise invalid_field(field, f"may be at most {most}, not {number}")
    return number
