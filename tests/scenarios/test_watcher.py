"""The watcher notices a server whose streams are not the stored history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc import aio

from branchline.v1 import event_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.scenarios.api import Api
from tests.scenarios.visits import TaskInfo, Visits
from tests.scenarios.watcher import Watcher

LIMIT = 0.5
SERVICE = "branchline.v1.ExecutionService"


def visit(sequence: int, step: str) -> event_pb2.Event:
    started = event_pb2.StepStarted(branch="main", step=step)
    return event_pb2.Event(sequence=sequence, step_started=started)


HISTORY = [visit(1, "a"), visit(2, "b"), visit(3, "a")]


class Histories:
    """Tells one history, and streams what it is told to."""

    def __init__(self, stream: Callable[[int], list[event_pb2.Event]], *, ends: bool) -> None:
        self.history = list(HISTORY)
        self.stream = stream
        self.ends = ends

    async def list_events(
        self, request: pb.ListEventsRequest, context: object
    ) -> pb.ListEventsResponse:
        return pb.ListEventsResponse(events=self.history[request.after_sequence :])

    async def watch(
        self, request: pb.WatchExecutionRequest, context: object
    ) -> AsyncIterator[pb.WatchExecutionResponse]:
        events = self.stream(request.after_sequence)
        if events:
            yield pb.WatchExecutionResponse(events=events)
        if not self.ends:
            await asyncio.Event().wait()

    @property
    def handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        return {
            "ListEvents": grpc.unary_unary_rpc_method_handler(
                self.list_events,
                request_deserializer=pb.ListEventsRequest.FromString,
                response_serializer=pb.ListEventsResponse.SerializeToString,
            ),
            "WatchExecution": grpc.unary_stream_rpc_method_handler(
                self.watch,
                request_deserializer=pb.WatchExecutionRequest.FromString,
                response_serializer=pb.WatchExecutionResponse.SerializeToString,
            ),
        }


@asynccontextmanager
async def serving(histories: Histories) -> AsyncIterator[Api]:
    server = aio.server()
    server.add_registered_method_handlers(SERVICE, histories.handlers)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    api = Api(f"127.0.0.1:{port}")
    try:
        yield api
    finally:
        await api.close()
        await server.stop(None)


async def difference(histories: Histories, *, closed: bool) -> str:
    async with serving(histories) as api:
        watcher = Watcher(api, "one")
        told = await watcher.difference(closed=closed, limit=LIMIT)
        await watcher.stop()
        return told


@pytest.mark.parametrize("closed", [True, False])
async def test_the_whole_history_is_no_difference(*, closed: bool) -> None:
    faithful = Histories(lambda after: HISTORY[after:], ends=closed)
    assert await difference(faithful, closed=closed) == ""


@pytest.mark.parametrize(
    ("stream", "ends", "told"),
    [
        (lambda after: HISTORY[after + 1 :], True, "after 0 came the numbers [2, 3]"),
        (lambda after: HISTORY[max(0, after - 1) :], True, "after 1 came the numbers"),
        (lambda after: HISTORY[after:2], True, "expected 3 events, got 2"),
        (lambda after: [*HISTORY[after:2], visit(3, "z")][: 3 - after], True, "event 3"),
        (lambda after: HISTORY[after:], False, "the stream has no end"),
    ],
    ids=["a gap", "a repetition", "too early an end", "another event", "no end"],
)
async def test_a_stream_that_differs_is_told(
    stream: Callable[[int], list[event_pb2.Event]], *, ends: bool, told: str
) -> None:
    assert told in await difference(Histories(stream, ends=ends), closed=True)


async def test_a_stream_of_a_live_execution_must_not_end() -> None:
    hasty = Histories(lambda after: HISTORY[after:], ends=True)
    assert "has ended" in await difference(hasty, closed=False)


async def test_a_step_that_is_visited_again_has_other_runs() -> None:
    histories = Histories(lambda after: [], ends=True)
    del histories.history[1:]
    task = TaskInfo(execution_id="one", branch="main", step="a", activity="act", attempt=1)
    async with serving(histories) as api:
        visits = Visits(api)
        first = await visits.key(task)
        assert await visits.key(task) == first
        histories.history[1:] = HISTORY[1:]
        assert await visits.key(task) != first
