"""A worker on a stream that the test holds the other end of."""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import suppress

import grpc
import pytest

from branchline.client import Worker, activity
from branchline.v1 import task_service_pb2 as pb
from tests.client.gates import Gate, double, double_in_thread
from tests.client.scripted import Refusal, ScriptedServer
from tests.client.working import result, task, welcomed, working


async def test_the_hello_says_what_the_worker_offers() -> None:
    async with (
        ScriptedServer() as server,
        working(server, double, double_in_thread, task_queue="q", max_tasks=7, worker_id="me"),
    ):
        stream = await server.streams.get()
        assert await stream.receive() == pb.StreamTasksRequest(
            hello=pb.WorkerHello(
                worker_id="me",
                task_queue="q",
                activities=["double", "double_in_thread"],
                max_tasks=7,
            )
        )


async def test_two_workers_have_different_ids() -> None:
    assert Worker(activities=[double]).worker_id != Worker(activities=[double]).worker_id


async def test_what_ends_together_is_told_together() -> None:
    gate = Gate()
    async with ScriptedServer() as server, working(server, gate.wait):
        stream = await welcomed(server)
        stream.send(tasks=[task(str(n), "wait", "{}") for n in range(50)])
        await gate.begun.wait()
        gate.open.set()
        message = await stream.receive()
        assert len(message.outcomes) == 50


async def test_outcomes_are_sent_again_after_a_broken_stream_until_they_are_acknowledged() -> None:
    gate = Gate()
    async with ScriptedServer() as server, working(server, double, gate.wait) as worker:
        stream = await welcomed(server)
        stream.send(tasks=[task("a"), task("b"), task("held", "wait", "{}")])
        await stream.receive_outcomes(2)
        await gate.begun.wait()
        stream.accept("a")
        stream.break_off()
        second = await server.streams.get()
        hello = (await second.receive()).hello
        assert sorted(hello.held_tokens) == ["b", "held"]
        assert hello.worker_id == worker.worker_id
        second.welcome()
        assert [outcome.token for outcome in await second.receive_outcomes(1)] == ["b"]
        second.accept("b")
        gate.open.set()
        assert [outcome.token for outcome in await second.receive_outcomes(1)] == ["held"]


async def test_work_goes_on_while_there_is_no_server() -> None:
    gate = Gate()
    async with ScriptedServer() as server, working(server, gate.wait) as worker:
        stream = await welcomed(server)
        await worker.connected.wait()
        stream.send(tasks=[task("t", "wait", "{}")])
        await gate.begun.wait()
        stream.break_off()
        second = await server.streams.get()
        gate.open.set()
        [outcome] = await second.receive_outcomes(1)
        assert result(outcome) == '"open"'


async def test_an_outage_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "branchline.worker")
    async with ScriptedServer() as server, working(server, double):
        (await welcomed(server)).break_off()
        for _ in range(3):
            (await server.streams.get()).break_off()
        stream = await welcomed(server)
        stream.send(tasks=[task("t")])
        await stream.receive_outcomes(1)
    levels = [record.levelname for record in caplog.records]
    assert levels == ["INFO", "WARNING", "INFO"]


async def test_an_outcome_that_could_not_be_stored_is_sent_again() -> None:
    async with ScriptedServer() as server, working(server, double):
        stream = await welcomed(server)
        stream.send(tasks=[task("t")])
        first = await stream.receive_outcomes(1)
        stream.refuse("t", "STORE_UNAVAILABLE")
        assert await stream.receive_outcomes(1) == first


async def test_a_result_that_the_server_refuses_fails_the_attempt() -> None:
    async with ScriptedServer() as server, working(server, double):
        stream = await welcomed(server)
        stream.send(tasks=[task("t")])
        await stream.receive_outcomes(1)
        stream.refuse("t", "PAYLOAD_TOO_LARGE")
        [outcome] = await stream.receive_outcomes(1)
        assert outcome.failed.type == "payload_too_large"


async def test_a_result_larger_than_the_server_reads_fails_only_its_own_attempt() -> None:
    @activity
    async def much() -> str:
        return "x" * 9_000_000

    async with ScriptedServer() as server, working(server, much, double):
        stream = await welcomed(server)
        stream.send(tasks=[task("much", "much", "{}")])
        second = await welcomed(server)
        [outcome] = await second.receive_outcomes(1)
        assert (outcome.token, outcome.failed.type) == ("much", "payload_too_large")


async def test_a_cancelled_coroutine_is_stopped_and_tells_nothing() -> None:
    gate = Gate()
    async with ScriptedServer() as server, working(server, gate.wait, double):
        stream = await welcomed(server)
        stream.send(tasks=[task("t", "wait", "{}")])
        await gate.begun.wait()
        stream.send(cancel=["t"])
        await gate.cancelled.wait()
        stream.send(tasks=[task("next")])
        assert [outcome.token for outcome in await stream.receive_outcomes(1)] == ["next"]


async def test_a_cancelled_thread_sees_its_flag_and_tells_nothing() -> None:
    begun, ended = threading.Event(), threading.Event()

    @activity
    def patient() -> None:
        cancelled = activity.context().cancelled
        assert not cancelled
        begun.set()
        if cancelled.wait(30):
            ended.set()

    async with ScriptedServer() as server, working(server, patient, double, threads=1):
        stream = await welcomed(server)
        stream.send(tasks=[task("t", "patient", "{}")])
        await asyncio.to_thread(begun.wait, 30)
        stream.send(cancel=["t"])
        assert await asyncio.to_thread(ended.wait, 30)
        stream.send(tasks=[task("next")])
        assert [outcome.token for outcome in await stream.receive_outcomes(1)] == ["next"]


async def test_a_cancellation_can_be_awaited() -> None:
    seen = asyncio.Event()
    begun = asyncio.Event()

    @activity
    async def watchful() -> None:
        cancelled = activity.context().cancelled

        async def watch() -> None:
            await cancelled
            seen.set()

        watching = asyncio.create_task(watch())
        begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await watching

    async with ScriptedServer() as server, working(server, watchful):
        stream = await welcomed(server)
        stream.send(tasks=[task("t", "watchful", "{}")])
        await begun.wait()
        stream.send(cancel=["t"])
        await seen.wait()


async def test_a_task_that_comes_twice_is_run_once() -> None:
    gate = Gate()
    async with ScriptedServer() as server, working(server, gate.wait, double):
        stream = await welcomed(server)
        stream.send(tasks=[task("t", "wait", "{}"), task("t", "wait", "{}"), task("d")])
        await stream.receive_outcomes(1)
        stream.send(tasks=[task("d")])
        gate.open.set()
        assert [outcome.token for outcome in await stream.receive_outcomes(1)] == ["t"]


async def test_an_idle_worker_keeps_its_leases_up() -> None:
    async with ScriptedServer() as server, working(server, double):
        stream = await server.streams.get()
        await stream.receive()
        stream.welcome(lease=0.3)
        async with asyncio.timeout(10):  # the lease of servers elsewhere is 30 s
            messages = [await stream.receive() for _ in range(3)]
        assert messages == [pb.StreamTasksRequest()] * 3


async def test_a_server_that_knows_none_of_the_tasks_makes_the_worker_forget_them() -> None:
    gate = Gate()
    async with ScriptedServer() as server, working(server, gate.wait):
        stream = await welcomed(server)
        stream.send(tasks=[task("t", "wait", "{}")])
        await gate.begun.wait()
        stream.break_off(Refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_TASK_TOKEN"))
        second = await server.streams.get()
        assert not (await second.receive()).hello.held_tokens
        await gate.cancelled.wait()


def test_a_worker_needs_activities_of_different_names() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Worker(activities=[])
    with pytest.raises(ValueError, match="two activities are named double"):
        Worker(activities=[double, double])
    with pytest.raises(ValueError, match="max_tasks"):
        Worker(activities=[double], max_tasks=0)
