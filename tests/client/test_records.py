"""An activity records values (semantics 7.8)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from branchline.client import activity
from branchline.v1 import task_pb2
from tests.client.scripted import ScriptedServer
from tests.client.shop import HOW, Shop, begin, either
from tests.client.working import outcome_of, result, welcomed, working


@HOW
async def test_a_value_is_returned_once_it_is_durable(how: str) -> None:
    function = either(Shop(), how)
    async with ScriptedServer() as server, working(server, function):
        stream = await welcomed(server)
        begin(stream, function)
        record = await stream.receive_record()
        assert record == task_pb2.TaskRecord(token="t", key="n", value_json="1")
        assert stream.requests.empty()
        stream.keep(record)
        [outcome] = await stream.receive_outcomes(1)
        assert result(outcome) == "1"


@HOW
async def test_a_recorded_value_is_not_computed_again(how: str) -> None:
    shop = Shop()
    outcome = await outcome_of(either(shop, how), recorded_json={"n": "12345678901234567890"})
    assert (result(outcome), shop.computed) == ("12345678901234567890", 0)


@HOW
async def test_a_value_is_sent_again_until_it_is_durable(how: str) -> None:
    shop = Shop()
    function = either(shop, how)
    async with ScriptedServer() as server, working(server, function):
        stream = await welcomed(server)
        begin(stream, function)
        first = await stream.receive_record()
        for reason in ("OVERLOADED", "STORE_UNAVAILABLE", "SHUTTING_DOWN"):
            stream.refuse_record(first, reason)
            assert await stream.receive_record() == first
        stream.break_off()
        second = await welcomed(server)
        assert await second.receive_record() == first
        second.keep(first)
        [outcome] = await second.receive_outcomes(1)
        assert (result(outcome), shop.computed) == ("1", 1)


@dataclass
class Receipt:
    number: int
    lines: tuple[str, ...]


@pytest.mark.parametrize("recorded", [False, True])
async def test_a_value_is_the_same_in_the_first_run_as_in_later_ones(
    recorded: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """It is what JSON makes of it, not the object that was computed."""

    @activity
    async def buy() -> str:
        value = await activity.context().record("receipt", lambda: Receipt(7, ("tea",)))
        return repr(value)

    text = '{"number":7,"lines":["tea"]}'
    async with ScriptedServer() as server, working(server, buy):
        stream = await welcomed(server)
        known = {"receipt": text} if recorded else {}
        stream.send(tasks=[task_pb2.Task(token="t", activity="buy", recorded_json=known)])
        if not recorded:
            record = await stream.receive_record()
            assert record.value_json == text
            stream.keep(record)
        [outcome] = await stream.receive_outcomes(1)
        assert result(outcome) == "\"{'number': 7, 'lines': ['tea']}\""


@pytest.mark.parametrize("value", [None, 0, "", [], {"a": 1}])
async def test_a_plain_value_can_be_recorded(value: object) -> None:
    @activity
    async def keep() -> bool:
        recorded: object = await activity.context().record("v", value)
        return recorded == value

    async with ScriptedServer() as server, working(server, keep):
        stream = await welcomed(server)
        begin(stream, keep)
        stream.keep(await stream.receive_record())
        assert result((await stream.receive_outcomes(1))[0]) == "true"


async def test_an_error_is_not_recorded() -> None:
    tries: list[int] = []

    def compute() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not yet")
        return 5

    @activity
    async def persist() -> object:
        try:
            return await activity.context().record("n", compute)
        except ValueError:
            return await activity.context().record("n", compute)

    async with ScriptedServer() as server, working(server, persist):
        stream = await welcomed(server)
        begin(stream, persist)
        stream.keep(await stream.receive_record())
        assert result((await stream.receive_outcomes(1))[0]) == "5"


async def test_a_key_is_computed_once_in_a_run() -> None:
    shop = Shop()

    @activity
    async def twice() -> object:
        context = activity.context()
        first = await context.record("n", shop.count)
        return [first, await context.record("n", shop.count)]

    async with ScriptedServer() as server, working(server, twice):
        stream = await welcomed(server)
        begin(stream, twice)
        stream.keep(await stream.receive_record())
        assert result((await stream.receive_outcomes(1))[0]) == "[1,1]"


async def test_a_caller_that_gives_up_finds_its_value_later() -> None:
    """The value may be durable: the same key must not get another one."""
    shop, begun = Shop(), asyncio.Event()

    @activity
    async def impatient() -> object:
        context = activity.context()
        first = asyncio.create_task(context.record("n", shop.count))
        await begun.wait()
        first.cancel()
        return await context.record("n", shop.count)

    async with ScriptedServer() as server, working(server, impatient):
        stream = await welcomed(server)
        begin(stream, impatient)
        record = await stream.receive_record()
        begun.set()
        stream.keep(record)
        assert result((await stream.receive_outcomes(1))[0]) == "1"


async def test_a_key_is_computed_by_one_call_at_a_time() -> None:
    @activity
    async def both() -> None:
        context = activity.context()
        await asyncio.gather(context.record("n", Shop().compute), context.record("n", 2))

    outcome = await outcome_of(both)
    assert outcome.failed.message == "the value of n is being computed already: wait for it"


async def test_values_are_recorded_side_by_side() -> None:
    @activity
    async def both() -> Any:  # noqa: ANN401 - JSON
        record = activity.context().record
        return await asyncio.gather(record("a", 1), record("b", Shop().compute))

    async with ScriptedServer() as server, working(server, both):
        stream = await welcomed(server)
        begin(stream, both)
        first, second = await stream.receive_record(), await stream.receive_record()
        stream.keep(second)
        stream.keep(first)
        assert result((await stream.receive_outcomes(1))[0]) == "[1,1]"


async def test_a_value_larger_than_the_server_reads_is_an_error_of_its_activity_alone() -> None:
    @activity
    async def much() -> None:
        await activity.context().record("n", "x" * 9_000_000)

    shop = Shop()
    async with ScriptedServer() as server, working(server, much, shop.pick):
        stream = await welcomed(server)
        begin(stream, much)
        second = await welcomed(server)
        [outcome] = await second.receive_outcomes(1)
        assert (outcome.token, outcome.failed.type) == ("t", "payload_too_large")


async def nothing() -> None:
    """A coroutine."""


@pytest.mark.parametrize(
    ("key", "value", "kind", "problem"),
    [
        ("", 1, "activity_failed", "the key of a value must not be empty"),
        ("n", object(), "invalid_record", "the value of n cannot be written as JSON"),
        ("n", lambda: float("nan"), "invalid_record", "the value of n cannot be written as JSON"),
    ],
)
async def test_a_value_that_makes_no_sense_is_refused(
    key: str, value: object, kind: str, problem: str
) -> None:
    @activity
    async def nonsense() -> None:
        await activity.context().record(key, value)

    outcome = await outcome_of(nonsense)
    assert outcome.failed.type == kind
    assert outcome.failed.message.startswith(problem)


async def test_a_coroutine_in_place_of_its_function_is_refused() -> None:
    """It would be at work although the value is known."""

    @activity
    async def hasty() -> None:
        await activity.context().record("n", nothing())

    outcome = await outcome_of(hasty, recorded_json={"n": "1"})
    assert "give the function, not its call" in outcome.failed.message


async def test_an_async_function_cannot_be_called_in_a_thread() -> None:
    @activity
    def mixed() -> None:
        activity.context().record_blocking("n", nothing)

    assert "use record" in (await outcome_of(mixed)).failed.message


async def test_the_loop_is_not_blocked() -> None:
    @activity
    async def wrong() -> None:
        activity.context().record_blocking("n", 1)

    assert "would block the worker's loop" in (await outcome_of(wrong)).failed.message


async def test_a_coroutine_may_record_in_a_thread_of_its_own() -> None:
    @activity
    async def delegate() -> object:
        return await asyncio.to_thread(activity.context().record_blocking, "n", 3)

    @activity
    def own_loop() -> object:
        return asyncio.run(activity.context().record("n", 3))

    for function in (delegate, own_loop):
        async with ScriptedServer() as server, working(server, function):
            stream = await welcomed(server)
            begin(stream, function)
            stream.keep(await stream.receive_record())
            assert result((await stream.receive_outcomes(1))[0]) == "3"
