"""ExecutionService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sized
from functools import partial

from branchline.engine import Cancel, Pause, Retry, Signal, Unpause
from branchline.server.dispatch import Dispatcher
from branchline.server.errors import ServiceError, invalid_field
from branchline.server.executions import Executions as ExecutionOperations
from branchline.server.executions import StartOrder
from branchline.server.rpc.awaiting import closed_messages, read_awaited
from branchline.server.rpc.batches import in_messages
from branchline.server.rpc.calls import Context, streaming, unary
from branchline.server.rpc.checks import (
    Limits,
    lifetime,
    new_id,
    not_negative,
    position,
    required,
    short,
    span,
)
from branchline.server.rpc.events import event_message, progress_message
from branchline.server.rpc.execution_messages import live_message, row_message, status_count
from branchline.server.rpc.filters import filter_of, list_name
from branchline.server.rpc.labels import checked_labels
from branchline.server.rpc.pages import page_size, read_number, write_token
from branchline.server.rpc.status import request_error
from branchline.server.rpc.status_messages import status_messages
from branchline.server.rpc.step_visits import visit_message
from branchline.server.step_visits import VisitReader
from branchline.server.watching import NumberedEvent
from branchline.v1 import event_pb2, execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from branchline.v1.execution_service_pb2_grpc import ExecutionServiceServicer

_MOST_REQUESTS = 1_000
_LONGEST_WAIT = 60.0
_DEFAULT_EVENTS = 1_000
_MOST_EVENTS = 10_000
_EVENTS_A_MESSAGE = 500
_ID = "execution_id"


class Executions(ExecutionServiceServicer):
    """Starts executions, acts on them and tells how they stand."""

    def __init__(
        self,
        executions: ExecutionOperations,
        visits: VisitReader,
        dispatcher: Dispatcher,
        limits: Limits,
    ) -> None:
        self._executions = executions
        self._visits = visits
        self._dispatcher = dispatcher
        self._limits = limits

    @unary
    async def StartExecution(
        self, request: pb.StartExecutionRequest, context: Context
    ) -> pb.StartExecutionResponse:
        return await self._start(request)

    @unary
    async def StartExecutions(
        self, request: pb.StartExecutionsRequest, context: Context
    ) -> pb.StartExecutionsResponse:
        _refuse_too_many(request.requests)
        self._executions.check_room()
        results = await asyncio.gather(*map(self._start_one, request.requests))
        return pb.StartExecutionsResponse(results=results)

    @unary
    async def GetExecution(
        self, request: pb.GetExecutionRequest, context: Context
    ) -> pb.GetExecutionResponse:
        execution_id = required(_ID, request.execution_id)
        row = None
        if request.HasField("wait"):
            seconds = span("wait", request.wait, _LONGEST_WAIT)
            row = await self._executions.wait_for_close(execution_id, seconds)
        if request.view == execution_pb2.EXECUTION_VIEW_FULL:
            leased = await self._executions.leased_tasks(execution_id)
            look = partial(live_message, dispatcher=self._dispatcher, leased=leased)
            execution = await self._executions.view(execution_id, look)
        else:
            execution = row_message(row or await self._executions.row(execution_id))
        return pb.GetExecutionResponse(execution=execution)

    @streaming
    async def AwaitExecutions(
        self, requests: AsyncIterator[pb.AwaitExecutionsRequest], context: Context
    ) -> AsyncIterator[pb.AwaitExecutionsResponse]:
        with self._executions.awaiting() as awaiting:
            reading = asyncio.create_task(read_awaited(requests, awaiting))
            try:
                async for closed in awaiting.closed():
                    for message in closed_messages(closed):
                        yield message
            finally:
                reading.cancel()

    @unary
    async def ListExecutions(
        self, request: pb.ListExecutionsRequest, context: Context
    ) -> pb.ListExecutionsResponse:
        size = page_size(request.page_size)
        name = list_name(request.filter)
        before = read_number(name, request.page_token)
        rows = await self._executions.find(filter_of(request.filter), before, size + 1)
        more = len(rows) > size
        return pb.ListExecutionsResponse(
            executions=[row_message(row) for row in rows[:size]],
            next_page_token=write_token(name, str(rows[size - 1].key)) if more else "",
        )

    @unary
    async def CountExecutions(
        self, request: pb.CountExecutionsRequest, context: Context
    ) -> pb.CountExecutionsResponse:
        counts = await self._executions.count(filter_of(request.filter))
        return pb.CountExecutionsResponse(
            total=sum(counts.values()),
            by_status=[status_count(*count) for count in sorted(counts.items())],
        )

    @unary
    async def SignalExecution(
        self, request: pb.SignalExecutionRequest, context: Context
    ) -> pb.SignalExecutionResponse:
        await self._signal(request)
        return pb.SignalExecutionResponse()

    @unary
    async def SignalExecutions(
        self, request: pb.SignalExecutionsRequest, context: Context
    ) -> pb.SignalExecutionsResponse:
        _refuse_too_many(request.requests)
        self._executions.check_room()
        results = await asyncio.gather(*map(self._signal_one, request.requests))
        return pb.SignalExecutionsResponse(results=results)

    @unary
    async def PauseExecution(
        self, request: pb.PauseExecutionRequest, context: Context
    ) -> pb.PauseExecutionResponse:
        pause = Pause(branch=request.branch, reason=short("reason", request.reason, 1_000))
        await self._executions.command(required(_ID, request.execution_id), pause)
        return pb.PauseExecutionResponse()

    @unary
    async def UnpauseExecution(
        self, request: pb.UnpauseExecutionRequest, context: Context
    ) -> pb.UnpauseExecutionResponse:
        unpause = Unpause(branch=request.branch)
        await self._executions.command(required(_ID, request.execution_id), unpause)
        return pb.UnpauseExecutionResponse()

    @unary
    async def CancelExecution(
        self, request: pb.CancelExecutionRequest, context: Context
    ) -> pb.CancelExecutionResponse:
        cancel = Cancel(reason=short("reason", request.reason, 1_000))
        await self._executions.command(required(_ID, request.execution_id), cancel)
        return pb.CancelExecutionResponse()

    @unary
    async def RetryExecution(
        self, request: pb.RetryExecutionRequest, context: Context
    ) -> pb.RetryExecutionResponse:
        await self._executions.command(required(_ID, request.execution_id), Retry())
        return pb.RetryExecutionResponse()

    @unary
    async def DeleteExecution(
        self, request: pb.DeleteExecutionRequest, context: Context
    ) -> pb.DeleteExecutionResponse:
        await self._executions.delete(required(_ID, request.execution_id))
        return pb.DeleteExecutionResponse()

    @unary
    async def ListEvents(
        self, request: pb.ListEventsRequest, context: Context
    ) -> pb.ListEventsResponse:
        execution_id = required(_ID, request.execution_id)
        after = position("after_sequence", request.after_sequence)
        size = not_negative("page_size", request.page_size) or _DEFAULT_EVENTS
        limit = min(size, _MOST_EVENTS)
        events, more = await self._executions.events(execution_id, after, limit)
        page = next(in_messages(_messages(events), limit), [])
        more = more or len(events) > len(page)
        return pb.ListEventsResponse(
            events=page, next_after_sequence=page[-1].sequence if page and more else 0
        )

    @streaming
    async def WatchExecution(
        self, request: pb.WatchExecutionRequest, context: Context
    ) -> AsyncIterator[pb.WatchExecutionResponse]:
        execution_id = required(_ID, request.execution_id)
        after = position("after_sequence", request.after_sequence)
        async for news in self._executions.watch(execution_id, after):
            for events in in_messages(_messages(news.events), _EVENTS_A_MESSAGE):
                yield pb.WatchExecutionResponse(events=events)
            if news.progress:
                progress = [progress_message(note) for note in news.progress]
                yield pb.WatchExecutionResponse(progress=progress)

    @streaming
    async def WatchExecutions(
        self, request: pb.WatchExecutionsRequest, context: Context
    ) -> AsyncIterator[pb.WatchExecutionsResponse]:
        wanted = filter_of(request.filter)
        after = position("after_position", request.after_position)
        told = after
        async for news in self._executions.watch_all(wanted, after):
            for message in status_messages(news, told):
                yield message
            told = news.position

    @unary
    async def ListStepVisits(
        self, request: pb.ListStepVisitsRequest, context: Context
    ) -> pb.ListStepVisitsResponse:
        execution_id = required(_ID, request.execution_id)
        after = position("after_number", request.after_number)
        limit = page_size(request.page_size)
        visits, more = await self._visits.page(execution_id, after, limit)
        page = next(in_messages(map(visit_message, visits), limit), [])
        more = more or len(visits) > len(page)
        return pb.ListStepVisitsResponse(
            visits=page, next_after_number=page[-1].number if more else 0
        )

    async def _start(self, request: pb.StartExecutionRequest) -> pb.StartExecutionResponse:
        order = StartOrder(
            workflow=required("workflow", request.workflow),
            version=not_negative("version", request.version),
            execution_id=new_id("id", request.id),
            request_id=short("request_id", request.request_id, 200),
            inputs=self._limits.object("inputs_json", request.inputs_json),
            labels=checked_labels("labels", request.labels),
            timeout=lifetime("timeout", request.timeout) if request.HasField("timeout") else None,
        )
        started = await self._executions.start(order)
        return pb.StartExecutionResponse(
            execution_id=started.execution_id, version=started.version, started=started.created
        )

    async def _start_one(self, request: pb.StartExecutionRequest) -> pb.StartResult:
        try:
            return pb.StartResult(started=await self._start(request))
        except ServiceError as error:
            return pb.StartResult(error=request_error(error))

    async def _signal(self, request: pb.SignalExecutionRequest) -> None:
        signal = Signal(
            topic=required("topic", request.topic),
            payload=self._limits.document("payload_json", request.payload_json),
            signal_id=short("signal_id", request.signal_id, 200),
        )
        await self._executions.command(required(_ID, request.execution_id), signal)

    async def _signal_one(self, request: pb.SignalExecutionRequest) -> pb.SignalResult:
        try:
            await self._signal(request)
        except ServiceError as error:
            return pb.SignalResult(error=request_error(error))
        return pb.SignalResult()


def _refuse_too_many(requests: Sized) -> None:
    if len(requests) > _MOST_REQUESTS:
        message = f"may hold at most {_MOST_REQUESTS}, not {len(requests)}: make several calls"
        raise invalid_field("requests", message)


def _messages(events: list[NumberedEvent]) -> Iterator[event_pb2.Event]:
    return (event_message(*entry) for entry in events)
