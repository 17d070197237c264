"""How a worker ends: it is stopped, replaced, refused, or has run before."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from branchline.client import InvalidRequest, Worker, WorkerReplaced
from branchline.v1 import task_pb2
from tests.client.gates import Gate, double
from tests.client.scripted import Refusal, ScriptedServer
from tests.client.working import result, task, welcomed


async def test_a_worker_that_stops_finishes_what_it_can() -> None:
    gate = Gate()
    async with ScriptedServer() as server:
        worker = Worker(server.address, [gate.wait], grace=30)
        running = asyncio.create_task(worker.run())
        stream = await welcomed(server)
        stream.send(tasks=[task("t", "wait", "{}")])
        await gate.begun.wait()
        worker.stop()
        assert (await stream.receive()).draining
        stream.send(tasks=[task("late", "wait", "{}")])
        [late] = await stream.receive_outcomes(1)
        assert late.WhichOneof("outcome") == "released"
        gate.open.set()
        [outcome] = await stream.receive_outcomes(1)
        assert result(outcome) == '"open"'
        assert not running.done()
        stream.accept("t", "late")
        await running
        assert not worker.connected.is_set()


@pytest.mark.parametrize("how", ["stopped", "cancelled"])
async def test_what_does_not_end_in_time_is_given_back(how: str) -> None:
    gate = Gate()
    async with ScriptedServer() as server:
        worker = Worker(server.address, [gate.wait], grace=0.01 if how == "stopped" else 30)
        running = asyncio.create_task(worker.run())
        stream = await welcomed(server)
        stream.send(tasks=[task("t", "wait", "{}")])
        await gate.begun.wait()
        if how == "stopped":
            worker.stop()
        else:
            running.cancel()
        [outcome] = await stream.receive_outcomes(1)
        assert outcome == task_pb2.TaskOutcome(token="t", released=task_pb2.TaskRelease())
        assert gate.cancelled.is_set()
        stream.accept("t")
        await asyncio.wait([running])
        assert running.cancelled() == (how == "cancelled")


async def test_a_worker_that_stops_delivers_its_outcomes_over_a_new_stream() -> None:
    async with ScriptedServer() as server:
        worker = Worker(server.address, [double])
        running = asyncio.create_task(worker.run())
        stream = await welcomed(server)
        stream.send(tasks=[task("t")])
        await stream.receive_outcomes(1)
        worker.stop()
        stream.break_off()
        second = await server.streams.get()
        hello = await second.receive()
        assert (hello.draining, list(hello.hello.held_tokens)) == (True, ["t"])
        await second.receive_outcomes(1)
        second.accept("t")
        await running


async def test_a_worker_without_a_server_can_be_stopped() -> None:
    worker = Worker("127.0.0.1:1", [double])
    running = asyncio.create_task(worker.run())
    worker.stop()
    await running


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"), InvalidRequest),
        (Refusal(grpc.StatusCode.ABORTED, "WORKER_REPLACED"), WorkerReplaced),
    ],
)
async def test_a_worker_that_cannot_be_used_ends(refusal: Refusal, error: type[Exception]) -> None:
    async with ScriptedServer() as server:
        running = asyncio.create_task(Worker(server.address, [double]).run())
        stream = await server.streams.get()
        stream.break_off(refusal)
        with pytest.raises(error):
            await running


async def test_a_worker_runs_once() -> None:
    worker = Worker("127.0.0.1:1", [double])
    worker.stop()
    await worker.run()
    with pytest.raises(RuntimeError, match="make another one"):
        await worker.run()
