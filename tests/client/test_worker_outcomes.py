"""What a worker tells of an activity that ends, and what it lets it know."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from branchline.client import ActivityError, TaskInfo, activity
from branchline.v1 import execution_pb2, task_pb2
from tests.client.gates import double, double_in_thread
from tests.client.scripted import ScriptedServer
from tests.client.working import outcome_of, result, task, welcomed, working


@pytest.mark.parametrize("function", [double, double_in_thread])
async def test_an_activity_completes(function: Callable[..., Any]) -> None:
    assert (
        result(await outcome_of(function, '{"n":12345678901234567890}')) == "24691357802469135780"
    )


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
