"""A worker beside the code of a context."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import grpc
import pytest

from branchline.client import InvalidRequest, Worker, activity
from branchline.v1 import task_service_pb2 as pb
from tests.client.scripted import Refusal, ScriptedServer
from tests.client.working import result, task, welcomed

REFUSAL = Refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


@activity
async def double(n: int) -> int:
    return 2 * n


async def test_it_works_until_the_context_ends() -> None:
    async with ScriptedServer() as server:
        async with Worker(server.address, [double]) as worker:
            stream = await welcomed(server)
            await worker.connected.wait()
            stream.send(tasks=[task("t")])
            [outcome] = await stream.receive_outcomes(1)
            stream.accept("t")
        assert result(outcome) == "8"
        assert not worker.connected.is_set()


async def test_it_drains_at_the_end() -> None:
    begun = asyncio.Event()

    @activity
    async def hang_on() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with ScriptedServer() as server:
        async with Worker(server.address, [hang_on], grace=timedelta(milliseconds=1)):
            stream = await welcomed(server)
            stream.send(tasks=[task("t", "hang_on", "{}")])
            server.accept_everything()
            await begun.wait()
        outcomes = [outcome for request in drained(stream.requests) for outcome in request.outcomes]
        assert [outcome.WhichOneof("outcome") for outcome in outcomes] == ["released"]


async def refused(server: ScriptedServer) -> None:
    async with Worker(server.address, [double]):
        (await server.streams.get()).break_off(REFUSAL)
        await asyncio.Event().wait()


async def test_an_error_of_the_worker_ends_the_code_and_surfaces() -> None:
    async with ScriptedServer() as server:
        with pytest.raises(InvalidRequest):
            await refused(server)
        # The cancellation that ended the code is not left behind.
        current = asyncio.current_task()
        assert current is not None
        assert current.cancelling() == 0


async def failing(server: ScriptedServer) -> None:
    async with Worker(server.address, [double]):
        await welcomed(server)
        raise KeyError


async def test_an_error_of_the_code_stays_what_it_is() -> None:
    async with ScriptedServer() as server:
        with pytest.raises(KeyError):
            await failing(server)


async def test_code_that_is_cancelled_does_not_wait_for_tasks() -> None:
    begun = asyncio.Event()

    @activity
    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    async def work(server: ScriptedServer) -> None:
        async with Worker(server.address, [hang], grace=1000):
            stream = await welcomed(server)
            stream.send(tasks=[task("t", "hang", "{}")])
            server.accept_everything()
            await asyncio.Event().wait()

    async with ScriptedServer() as server:
        working = asyncio.create_task(work(server))
        await begun.wait()
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(working, 10)
        assert working.cancelled()


async def test_a_worker_is_entered_once() -> None:
    async with ScriptedServer() as server:
        async with Worker(server.address, [double]) as worker:
            await welcomed(server)
            with pytest.raises(RuntimeError, match="make another one"):
                await worker.run()
        with pytest.raises(RuntimeError, match="make another one"):
            async with worker:
                pass


def drained(queue: asyncio.Queue[pb.StreamTasksRequest]) -> list[pb.StreamTasksRequest]:
    """What has come."""
    return [queue.get_nowait() for _ in range(queue.qsize())]
