"""An activity waits for signals in mid-work (semantics 7.7)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from branchline.client import ActivityError, WaitTimedOut, activity
from branchline.v1 import task_pb2
from tests.client.scripted import ScriptedServer
from tests.client.working import outcome_of, result, task, welcomed, working


@activity
async def ask() -> object:
    return activity.context().wait("answer", timeout=1.5)


@activity
def ask_in_thread() -> object:
    return activity.context().wait("answer", timeout=1.5)


BOTH = pytest.mark.parametrize("function", [ask, ask_in_thread])
WAIT = task_pb2.TaskWait(key="1", topic="answer", timeout=Duration(seconds=1, nanos=500_000_000))


@BOTH
async def test_a_wait_ends_the_run_and_frees_the_process(
    function: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "branchline.worker")
    outcome = await outcome_of(function)
    assert outcome == task_pb2.TaskOutcome(token="t", waiting=WAIT)
    assert caplog.records == []


@BOTH
async def test_a_wait_returns_the_payload_that_came(function: Callable[..., Any]) -> None:
    outcome = await outcome_of(function, received_json={"1": '{"yes":12345678901234567890}'})
    assert result(outcome) == '{"yes":12345678901234567890}'


async def test_a_signal_may_have_no_payload() -> None:
    assert result(await outcome_of(ask, received_json={"1": ""})) == ""


@BOTH
async def test_a_wait_in_vain_raises_a_timeout(function: Callable[..., Any]) -> None:
    outcome = await outcome_of(function, timed_out_waits=["1"])
    assert (outcome.failed.type, outcome.failed.message) == (
        "timeout",
        "no signal on answer in 1.5 s",
    )


async def test_the_time_of_a_wait_may_be_a_timedelta() -> None:
    @activity
    async def ask_for_days() -> object:
        return activity.context().wait("answer", timeout=timedelta(days=2))

    outcome = await outcome_of(ask_for_days)
    assert outcome.waiting.timeout.ToTimedelta() == timedelta(days=2)
    outcome = await outcome_of(ask_for_days, timed_out_waits=["1"])
    assert outcome.failed.message == "no signal on answer in 172800 s"


async def test_a_wait_in_vain_can_be_caught() -> None:
    @activity
    async def shrug() -> str:
        try:
            activity.context().wait("answer", timeout=60)
        except WaitTimedOut as error:
            return f"{error.topic} {error.timeout} {isinstance(error, ActivityError)}"
        return "answered"

    assert result(await outcome_of(shrug, timed_out_waits=["1"])) == '"answer 60 True"'


async def test_waits_are_told_apart_by_their_order_or_their_key() -> None:
    @activity
    async def negotiate() -> list[object]:
        wait = activity.context().wait
        return [
            wait("north", timeout=60),
            wait("east", timeout=60, key="east"),
            wait("south", timeout=60),
            wait("west", timeout=60),
        ]

    outcome = await outcome_of(negotiate, received_json={"1": "10", "east": "20", "2": "30"})
    assert (outcome.waiting.key, outcome.waiting.topic) == ("3", "west")
    outcome = await outcome_of(
        negotiate, received_json={"1": "10", "east": "20", "2": "30", "3": "40"}
    )
    assert result(outcome) == "[10,20,30,40]"


async def test_handlers_of_errors_let_a_wait_pass_and_finally_blocks_run() -> None:
    ran: list[str] = []

    @activity
    async def careful() -> None:
        try:
            activity.context().wait("answer", timeout=1.5)
        except Exception:
            ran.append("except")
            raise
        finally:
            ran.append("finally")

    assert (await outcome_of(careful)).waiting == WAIT
    assert ran == ["finally"]


@pytest.mark.parametrize("then", ["returns", "fails", "waits"])
@pytest.mark.parametrize("in_thread", [False, True])
async def test_code_that_swallows_a_wait_waits_all_the_same(
    then: str,
    in_thread: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    def swallow() -> str:
        try:
            activity.context().wait("answer", timeout=1.5)
        except BaseException:  # noqa: BLE001 - what it is about
            if then == "waits":
                activity.context().wait("something else", timeout=3)
            elif then == "fails":
                raise ValueError("spoilt") from None
        return "never"

    @activity
    async def greedy() -> str:
        return swallow()

    @activity
    def greedy_in_thread() -> str:
        return swallow()

    assert (await outcome_of(greedy_in_thread if in_thread else greedy)).waiting == WAIT


async def test_a_wait_in_a_group_of_tasks_stops_the_activity() -> None:
    stopped = asyncio.Event()

    @activity
    async def several() -> None:
        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(work())
            await asyncio.sleep(0)
            group.create_task(ask())

    assert (await outcome_of(several)).waiting == WAIT
    assert stopped.is_set()


async def test_a_wait_in_a_thread_of_a_coroutine_stops_the_activity() -> None:
    @activity
    async def delegate() -> None:
        await asyncio.to_thread(ask_in_thread)

    assert (await outcome_of(delegate)).waiting == WAIT


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"topic": ""}, "the topic of a wait must not be empty"),
        ({"timeout": 0}, "above 0"),
        ({"timeout": -1}, "above 0"),
        ({"timeout": float("nan")}, "above 0"),
        ({"timeout": float("inf")}, "above 0"),
        ({"key": ""}, "the key of a wait must not be empty"),
    ],
)
async def test_a_wait_that_makes_no_sense_is_refused(
    arguments: dict[str, Any], problem: str
) -> None:
    @activity
    async def nonsense() -> None:
        activity.context().wait(**{"topic": "t", "timeout": 1, **arguments})

    outcome = await outcome_of(nonsense)
    assert outcome.failed.type == "activity_failed"
    assert problem in outcome.failed.message


async def test_the_key_of_a_wait_is_used_once() -> None:
    """Otherwise a loop would get the same payload again and again."""

    @activity
    async def loop() -> None:
        while True:
            activity.context().wait("t", timeout=1, key="k")

    outcome = await outcome_of(loop, received_json={"k": "1"})
    assert "the wait k is there twice" in outcome.failed.message


async def test_the_shortest_wait_is_a_microsecond() -> None:
    @activity
    async def hasty() -> None:
        activity.context().wait("t", timeout=1e-9)

    assert (await outcome_of(hasty)).waiting.timeout == Duration(nanos=1_000)


async def test_a_wait_is_told_until_it_is_acknowledged() -> None:
    async with ScriptedServer() as server, working(server, ask):
        stream = await welcomed(server)
        stream.send(tasks=[task("t", "ask", "{}")])
        first = await stream.receive_outcomes(1)
        stream.break_off()
        second = await welcomed(server)
        assert await second.receive_outcomes(1) == first
        second.refuse("t", "STORE_UNAVAILABLE")
        assert await second.receive_outcomes(1) == first


async def test_a_wait_that_the_server_refuses_fails_the_attempt() -> None:
    async with ScriptedServer() as server, working(server, ask):
        stream = await welcomed(server)
        stream.send(tasks=[task("t", "ask", "{}")])
        await stream.receive_outcomes(1)
        stream.refuse("t", "INVALID_FIELD")
        [outcome] = await stream.receive_outcomes(1)
        assert outcome.failed.type == "invalid_field"
