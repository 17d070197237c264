"""Starts that are wanted at the same time share a call, and nobody notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import grpc
import pytest

from branchline.client import (
    AlreadyExists,
    Client,
    DeadlineExceeded,
    Execution,
    ExecutionClosed,
    InvalidInputs,
    RpcError,
    Unavailable,
    _portions,
)
from branchline.v1 import execution_service_pb2 as pb
from tests.client.scripted import SILENCE, UNAVAILABLE, Refusal, ScriptedServer

ALONE = "StartExecution"
TOGETHER = "StartExecutions"


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """A server that grants every start."""
    async with ScriptedServer() as server:
        server.script(ALONE, granted)
        server.script(TOGETHER, all_but({}))
        yield server


@pytest.fixture
async def client(server: ScriptedServer) -> AsyncIterator[Client]:
    """A client of the server."""
    async with Client(server.address) as client:
        yield client


def granted(request: pb.StartExecutionRequest) -> pb.StartExecutionResponse:
    """An execution has the id that it was given."""
    return pb.StartExecutionResponse(execution_id=request.id, version=1, started=True)


def all_but(
    refused: dict[str, pb.StartResult],
) -> Callable[[pb.StartExecutionsRequest], pb.StartExecutionsResponse]:
    """Grants all starts but these."""

    def answer(request: pb.StartExecutionsRequest) -> pb.StartExecutionsResponse:
        results = [
            refused.get(each.id) or pb.StartResult(started=granted(each))
            for each in request.requests
        ]
        return pb.StartExecutionsResponse(results=results)

    return answer


def refusing(reason: str, code: grpc.StatusCode) -> pb.StartResult:
    """How one start of many is refused."""
    return pb.StartResult(error=pb.RequestError(code=code.value[0], reason=reason, message="no"))


def starting(client: Client, *ids: str) -> list[asyncio.Task[Execution]]:
    """All of these at the same time."""
    return [asyncio.create_task(client.start("flow", {"n": 1}, id=each)) for each in ids]


def asked(server: ScriptedServer, method: str) -> list[list[str]]:
    """The ids in each call of a method."""
    calls = server.received[method]
    if method == ALONE:
        return [[call.id] for call in calls]
    return [[request.id for request in call.requests] for call in calls]


async def test_one_start_is_a_call_of_its_own(server: ScriptedServer, client: Client) -> None:
    for each in ("a", "b"):
        assert (await client.start("flow", id=each)).id == each
    assert asked(server, ALONE) == [["a"], ["b"]]
    assert asked(server, TOGETHER) == []


async def test_starts_at_the_same_time_are_one_call(server: ScriptedServer, client: Client) -> None:
    ids = [f"e-{number}" for number in range(300)]
    runs = await asyncio.gather(*starting(client, *ids))
    assert [(run.id, run.version) for run in runs] == [(each, 1) for each in ids]
    assert asked(server, TOGETHER) == [ids]
    assert asked(server, ALONE) == []
    assert len({request.request_id for request in server.received[TOGETHER][0].requests}) == 300


async def test_a_refused_one_raises_what_it_would_have_raised_alone(
    server: ScriptedServer, client: Client
) -> None:
    """The answer to many has no violations; the one that is refused asks for them."""
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    server.script(TOGETHER, all_but({"b": refusing("INVALID_INPUTS", invalid)}))
    violation = ("inputs.n", "is required", "MISSING_INPUT")
    server.script(ALONE, Refusal(invalid, "INVALID_INPUTS", "bad", violations=[violation]))
    good, bad = starting(client, "a", "b")
    with pytest.raises(InvalidInputs, match="bad") as caught:
        await bad
    [told] = caught.value.violations
    assert (told.field, told.message, told.reason) == violation
    assert (await good).id == "a"
    assert asked(server, ALONE) == [["b"]]
    [alone] = server.received[ALONE]
    assert alone == server.received[TOGETHER][0].requests[1]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("OVERLOADED", grpc.StatusCode.RESOURCE_EXHAUSTED),
        ("STORE_UNAVAILABLE", grpc.StatusCode.UNAVAILABLE),
    ],
)
async def test_one_that_is_refused_for_the_moment_is_made_again(
    server: ScriptedServer, client: Client, reason: str, code: grpc.StatusCode
) -> None:
    server.script(TOGETHER, all_but({"b": refusing(reason, code)}))
    server.script(ALONE, Refusal(code, reason), granted)
    runs = await asyncio.gather(*starting(client, "a", "b", "c"))
    assert [run.id for run in runs] == ["a", "b", "c"]
    assert asked(server, ALONE) == [["b"], ["b"]]


async def test_a_call_that_the_server_does_not_take_now_is_made_again(
    server: ScriptedServer, client: Client
) -> None:
    server.script(TOGETHER, UNAVAILABLE, all_but({}))
    runs = await asyncio.gather(*starting(client, "a", "b"))
    assert [run.id for run in runs] == ["a", "b"]
    first, second = server.received[TOGETHER]
    assert first == second
    assert asked(server, ALONE) == []


async def test_a_call_that_the_server_never_takes_is_made_one_by_one(
    server: ScriptedServer, client: Client
) -> None:
    """As when a message of many is too large for it."""
    server.script(TOGETHER, Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED))
    taken = Refusal(grpc.StatusCode.ALREADY_EXISTS, "EXECUTION_EXISTS")
    server.script(ALONE, lambda start: taken if start.id == "b" else granted(start))
    good, bad = starting(client, "a", "b")
    assert (await good).id == "a"
    with pytest.raises(AlreadyExists):
        await bad


async def test_an_answer_that_is_too_short_leaves_nobody_waiting(
    server: ScriptedServer, client: Client
) -> None:
    server.script(TOGETHER, pb.StartExecutionsResponse())
    runs = await asyncio.wait_for(asyncio.gather(*starting(client, "a", "b")), 20)
    assert [run.id for run in runs] == ["a", "b"]


async def test_a_cancelled_caller_harms_nobody(server: ScriptedServer, client: Client) -> None:
    calls: asyncio.Event = asyncio.Event()

    def answer(request: pb.StartExecutionsRequest) -> pb.StartExecutionsResponse:
        calls.set()
        second.cancel()
        return all_but({})(request)

    server.script(TOGETHER, answer)
    first, second, third = starting(client, "a", "b", "c")
    assert [(await run).id for run in (first, third)] == ["a", "c"]
    with pytest.raises(asyncio.CancelledError):
        await second
    assert calls.is_set()


async def test_who_is_cancelled_before_the_call_starts_nothing(
    server: ScriptedServer, client: Client
) -> None:
    first, second, third = starting(client, "a", "b", "c")
    asyncio.get_running_loop().call_soon(second.cancel)
    await asyncio.wait([first, second, third])
    assert second.cancelled()
    assert asked(server, TOGETHER) == [["a", "c"]]


async def test_calls_are_of_a_bounded_size(
    server: ScriptedServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_portions, "_MOST_REQUESTS", 3)
    monkeypatch.setattr(_portions, "_MOST_BYTES", 250)
    sizes = [10, 10, 10, 10, 70, 70, 200]
    tasks = [
        asyncio.create_task(client.start("flow", {"n": "x" * size}, id=f"{number}"))
        for number, size in enumerate(sizes)
    ]
    assert [run.id for run in await asyncio.gather(*tasks)] == [*"0123456"]
    assert sorted(asked(server, TOGETHER)) == [["0", "1", "2"], ["3", "4"]]
    assert sorted(asked(server, ALONE)) == [["5"], ["6"]]


async def test_the_time_of_a_call_is_the_time_of_all_its_tries(server: ScriptedServer) -> None:
    server.script(TOGETHER, SILENCE)
    async with Client(server.address, timeout=0.2) as client:
        for task in starting(client, "a", "b"):
            with pytest.raises(DeadlineExceeded):
                await task
    assert asked(server, ALONE) == []


async def test_a_server_that_stays_away_is_told_to_all(server: ScriptedServer) -> None:
    server.script(TOGETHER, UNAVAILABLE)
    async with Client(server.address, timeout=0.2) as client:
        for task in starting(client, "a", "b"):
            with pytest.raises(Unavailable):
                await task
    assert len(server.received[TOGETHER]) > 1
    assert asked(server, ALONE) == []


@pytest.mark.parametrize("turns", [1, 2, 3])
async def test_a_client_that_is_closed_tells_those_who_start(
    server: ScriptedServer, turns: int
) -> None:
    server.script(TOGETHER, SILENCE)
    async with Client(server.address) as client:
        tasks = starting(client, "a", "b")
        for _ in range(turns):
            await asyncio.sleep(0)
    for task in tasks:
        with pytest.raises(RpcError, match="the client was closed"):
            await asyncio.wait_for(task, 20)


async def test_signals_at_the_same_time_are_one_call(
    server: ScriptedServer, client: Client
) -> None:
    late = pb.SignalResult(error=pb.RequestError(code=9, reason="EXECUTION_CLOSED", message="no"))
    server.script(
        "SignalExecutions", pb.SignalExecutionsResponse(results=[pb.SignalResult(), late])
    )
    closed = Refusal(grpc.StatusCode.FAILED_PRECONDITION, "EXECUTION_CLOSED", "it has closed")
    server.script("SignalExecution", closed)
    sent = [client.execution(each).signal("paid", {"n": 1}) for each in ("a", "b")]
    granted, refused = await asyncio.gather(*sent, return_exceptions=True)
    assert granted is None
    assert isinstance(refused, ExecutionClosed)
    assert str(refused) == "it has closed"
    [call] = server.received["SignalExecutions"]
    assert [(each.execution_id, each.topic) for each in call.requests] == [
        ("a", "paid"),
        ("b", "paid"),
    ]
    [alone] = server.received["SignalExecution"]
    assert alone == call.requests[1]
