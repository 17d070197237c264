"""Values that are refused, or whose task nobody wants any more (semantics 7.8)."""

from __future__ import annotations

import asyncio
import threading

import pytest

from branchline.client import activity
from tests.client.scripted import ScriptedServer
from tests.client.shop import HOW, Shop, begin, either
from tests.client.working import result, task, welcomed, working


@HOW
@pytest.mark.parametrize(
    ("reason", "kind"),
    [("INVALID_FIELD", "invalid_record"), ("PAYLOAD_TOO_LARGE", "payload_too_large")],
)
async def test_a_refused_value_is_an_error_of_the_activity(
    how: str, reason: str, kind: str
) -> None:
    function = either(Shop(), how)
    async with ScriptedServer() as server, working(server, function):
        stream = await welcomed(server)
        begin(stream, function)
        stream.refuse_record(await stream.receive_record(), reason)
        [outcome] = await stream.receive_outcomes(1)
        assert outcome.failed.type == kind
        assert outcome.failed.message.startswith("the server does not take the value of n: ")


async def test_another_value_may_follow_a_refused_one() -> None:
    @activity
    async def settle() -> object:
        context = activity.context()
        try:
            return await context.record("n", "too much")
        except Exception:  # noqa: BLE001 - whatever it is
            return await context.record("n", "less")

    async with ScriptedServer() as server, working(server, settle):
        stream = await welcomed(server)
        begin(stream, settle)
        stream.refuse_record(await stream.receive_record(), "PAYLOAD_TOO_LARGE")
        record = await stream.receive_record()
        stream.keep(record)
        assert result((await stream.receive_outcomes(1))[0]) == '"less"'


async def test_a_lost_lease_stops_a_coroutine() -> None:
    stopped = asyncio.Event()

    @activity
    async def slow() -> None:
        try:
            await activity.context().record("n", 1)
        except asyncio.CancelledError:
            stopped.set()
            raise

    async with ScriptedServer() as server, working(server, slow, Shop().pick):
        stream = await welcomed(server)
        begin(stream, slow)
        stream.refuse_record(await stream.receive_record(), "LEASE_LOST")
        await stopped.wait()
        stream.send(tasks=[task("next", "pick", "{}")])
        stream.keep(await stream.receive_record())
        assert [outcome.token for outcome in await stream.receive_outcomes(1)] == ["next"]


@pytest.mark.parametrize("why", ["lost", "called off"])
async def test_a_thread_that_nobody_wants_is_stopped_past_its_handlers_of_errors(
    why: str,
) -> None:
    stopped = threading.Event()

    @activity
    def slow() -> None:
        try:
            activity.context().record_blocking("n", 1)
        except Exception:  # noqa: BLE001 - what it is about
            return
        except BaseException:
            assert activity.context().cancelled
            stopped.set()
            raise

    async with ScriptedServer() as server, working(server, slow):
        stream = await welcomed(server)
        begin(stream, slow)
        record = await stream.receive_record()
        if why == "lost":
            stream.refuse_record(record, "LEASE_LOST")
        else:
            stream.send(cancel=["t"])
        assert await asyncio.to_thread(stopped.wait, 30)


async def test_what_is_recorded_after_the_end_goes_nowhere() -> None:
    begun, gone, stopped = threading.Event(), threading.Event(), threading.Event()

    @activity
    def stubborn() -> None:
        begun.set()
        gone.wait(30)
        try:
            activity.context().record_blocking("n", 1)
        finally:
            stopped.set()

    async with ScriptedServer() as server, working(server, stubborn, Shop().pick):
        stream = await welcomed(server)
        begin(stream, stubborn)
        await asyncio.to_thread(begun.wait, 30)
        stream.send(cancel=["t"], tasks=[task("next", "pick", "{}")])
        record = await stream.receive_record()
        assert record.token == "next"
        gone.set()
        assert await asyncio.to_thread(stopped.wait, 30)
        stream.keep(record)
        await stream.receive_outcomes(1)
        assert stream.requests.empty()


async def test_a_worker_that_stops_gives_a_task_back_that_records() -> None:
    shop = Shop()
    async with ScriptedServer() as server, working(server, shop.pick_in_thread) as worker:
        stream = await welcomed(server)
        begin(stream, shop.pick_in_thread)
        await stream.receive_record()
        worker.stop()
        [outcome] = await stream.receive_outcomes(1)
        assert outcome.WhichOneof("outcome") == "released"
        stream.accept("t")
