"""A worker on a stream that the test holds the other end of."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import grpc
import pytest

from branchline.client import (
    ActivityError,
    InvalidRequest,
    TaskInfo,
    Worker,
    WorkerReplaced,
    activity,
)
from branchline.v1 import execution_pb2, task_pb2
from branchline.v1 import task_service_pb2 as pb
from tests.client.scripted import Refusal, ScriptedServer
from tests.client.working import outcome_of, result, task, welcomed, working


@activity
async def double(n: int) -> int:
    return 2 * n


@activity
def double_in_thread(n: int) -> int:
    assert threading.current_thread() is not threading.main_thread()
    return 2 * n


class Gate:
    """An activity that tells when it has begun and ends when the test lets it."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.open = asyncio.Event()
        self.cancelled = asyncio.Event()

    @activity
    async def wait(self) -> str:
        self.begun.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return "open"


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


@pytest.mark.parametrize("function", [double, double_in_thread])
async def test_an_activity_completes(function: Callable[..., Any]) -> None:
    assert (
        result(await outcome_of(function, '{"n":12345678901234567890}')) == "24691357802469135780"
    )


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


async def test_the_context_tells_of_the_task() -> None:
    seen: list[TaskInfo] = []

    @activity
    def look() -> None:
        seen.append(activity.context().task)

    sent = task_pb2.Task(
        token="t",
        execution_id="e",
        workflow="w",
        version=2,
        branch="main",
        step="s",
        activity="look",
        attempt=3,
        delivery=4,
        item=0,
    )
    async with ScriptedServer() as server, working(server, look):
        stream = await welcomed(server)
        stream.send(tasks=[sent])
        await stream.receive_outcomes(1)
    assert seen == [
        TaskInfo(
            execution_id="e",
            workflow="w",
            version=2,
            branch="main",
            step="s",
            activity="look",
            attempt=3,
            delivery=4,
            item=0,
            deadline=None,
        )
    ]


async def test_the_context_names_the_effect() -> None:
    @activity
    def name_it() -> str:
        return activity.context().idempotency_key

    outcome = await outcome_of(name_it, idempotency_key="5f0f8a0e")
    assert result(outcome) == '"5f0f8a0e"'


async def test_each_activity_has_its_own_context() -> None:
    both = asyncio.Barrier(2)

    @activity
    async def step() -> str:
        await both.wait()
        return activity.context().task.step

    async with ScriptedServer() as server, working(server, step):
        stream = await welcomed(server)
        stream.send(
            tasks=[task_pb2.Task(token=name, activity="step", step=name) for name in ("a", "b")]
        )
        outcomes = await stream.receive_outcomes(2)
        assert {outcome.token: result(outcome) for outcome in outcomes} == {"a": '"a"', "b": '"b"'}


async def test_progress_is_sent_at_once_from_coroutines_and_threads() -> None:
    told = threading.Event()

    @activity
    async def tell() -> None:
        activity.context().progress("half", {"done": 0.5})
        await asyncio.to_thread(told.wait, 30)

    @activity
    def tell_from_thread() -> None:
        activity.context().heartbeat()
        told.wait(30)

    async with ScriptedServer() as server, working(server, tell, tell_from_thread):
        stream = await welcomed(server)
        stream.send(tasks=[task("a", "tell", "{}")])
        [progress] = (await stream.receive()).heartbeats
        assert progress == task_pb2.TaskHeartbeat(
            token="a", message="half", data_json='{"done":0.5}'
        )
        stream.send(tasks=[task("b", "tell_from_thread", "{}")])
        [heartbeat] = (await stream.receive()).heartbeats
        assert heartbeat == task_pb2.TaskHeartbeat(token="b")
        told.set()
        await stream.receive_outcomes(2)


async def test_a_result_carries_the_changes_of_variables() -> None:
    @activity
    async def change() -> None:
        context = activity.context()
        context.set("n", 12345678901234567890123)
        context.set("dropped", 1)
        context.remove("dropped")
        context.remove("back")
        context.set("back", None)

    outcome = await outcome_of(change)
    assert outcome.completed == task_pb2.TaskResult(
        set_json='{"n":12345678901234567890123,"back":null}', remove=["dropped"]
    )


async def test_an_error_of_its_own_fails_the_attempt_with_type_and_details() -> None:
    @activity
    async def decline() -> None:
        raise ActivityError("no money", "declined", {"missing": 3})

    outcome = await outcome_of(decline)
    assert outcome.failed == execution_pb2.Failure(
        type="declined", message="no money", details_json='{"missing":3}'
    )


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("what went wrong"), "what went wrong"),
        (ValueError(), "ValueError"),
        (ValueError("lone \ud800"), "lone ?"),
        (asyncio.CancelledError(), "CancelledError"),
        (SystemExit(3), "3"),
    ],
)
@pytest.mark.parametrize("in_thread", [False, True])
async def test_any_other_error_fails_the_attempt_with_its_text(
    error: BaseException,
    message: str,
    in_thread: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    @activity
    async def go_wrong() -> None:
        raise error

    @activity
    def go_wrong_in_thread() -> None:
        raise error

    outcome = await outcome_of(go_wrong_in_thread if in_thread else go_wrong)
    assert outcome.failed == execution_pb2.Failure(type="activity_failed", message=message)


async def test_parameters_that_do_not_fit_fail_the_attempt() -> None:
    outcome = await outcome_of(double, '{"n":"four"}')
    assert outcome.failed == execution_pb2.Failure(
        type="invalid_parameters", message="parameter n: expected int, got str"
    )


@pytest.mark.parametrize(
    "value", [object(), float("nan"), {"deep": [float("inf"), None]}, "lone \ud800"]
)
async def test_a_result_that_is_no_json_fails_the_attempt(value: object) -> None:
    @activity
    async def give() -> object:
        return value

    outcome = await outcome_of(give)
    assert outcome.failed.type == "invalid_result"
    assert outcome.failed.message.startswith("the result cannot be written as JSON: ")


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
        clock = asyncio.get_running_loop().time
        begun = clock()
        stream.welcome(lease=0.3)
        messages = [await stream.receive() for _ in range(3)]
        assert messages == [pb.StreamTasksRequest()] * 3
        assert clock() - begun < 3 * 0.1 + 0.5


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


async def test_a_worker_runs_once() -> None:
    worker = Worker("127.0.0.1:1", [double])
    worker.stop()
    await worker.run()
    with pytest.raises(RuntimeError, match="make another one"):
        await worker.run()


def test_a_worker_needs_activities_of_different_names() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Worker(activities=[])
    with pytest.raises(ValueError, match="two activities are named double"):
        Worker(activities=[double, double])
    with pytest.raises(ValueError, match="max_tasks"):
        Worker(activities=[double], max_tasks=0)
