"""Waiting for results: one stream for everybody, whatever happens to it or to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from branchline.client import (
    Client,
    DeadlineExceeded,
    Execution,
    ExecutionNotFound,
    ExecutionStatus,
    InvalidRequest,
    RpcError,
    Unavailable,
)
from branchline.client import _awaiting as awaiting
from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.client.scripted import Refusal, ScriptedServer, WaitStream


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """A server."""
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
async def client(server: ScriptedServer) -> AsyncIterator[Client]:
    """A client of the server."""
    async with Client(server.address) as client:
        yield client


def closed(execution_id: str) -> execution_pb2.Execution:
    """An execution that has completed."""
    return execution_pb2.Execution(
        id=execution_id,
        status=execution_pb2.EXECUTION_STATUS_COMPLETED,
        outputs_json=f'{{"of":"{execution_id}"}}',
    )


def waiting(client: Client, *ids: str) -> list[asyncio.Task[dict[str, object]]]:
    """Somebody waits for each of these."""
    return [asyncio.create_task(client.execution(each).result()) for each in ids]


async def opened(server: ScriptedServer) -> WaitStream:
    """The next stream."""
    return await asyncio.wait_for(server.waits.get(), 20)


async def forgotten(stream: WaitStream) -> list[str]:
    """What the next message takes back."""
    return [*(await asyncio.wait_for(stream.requests.get(), 20)).forgotten_ids]


async def test_many_waiters_share_a_stream(server: ScriptedServer, client: Client) -> None:
    ids = [f"e-{number}" for number in range(2_500)]
    tasks = waiting(client, *ids)
    stream = await opened(server)
    sizes = []
    named: set[str] = set()
    while len(named) < len(ids):
        request = await stream.requests.get()
        sizes.append(len(request.execution_ids))
        named.update(request.execution_ids)
    assert named == {*ids}
    assert max(sizes) <= 1_000
    stream.close(*map(closed, reversed(ids)))
    assert await asyncio.gather(*tasks) == [{"of": each} for each in ids]
    assert server.waits.empty()


async def test_a_stream_takes_up_those_who_come_later(
    server: ScriptedServer, client: Client
) -> None:
    [first] = waiting(client, "a")
    stream = await opened(server)
    assert await stream.named(1) == {"a"}
    [second] = waiting(client, "b")
    assert await stream.named(1) == {"b"}
    stream.close(closed("b"))
    await second
    assert not first.done()
    stream.close(closed("a"))
    await first


async def test_two_who_wait_for_one_execution_name_it_once(
    server: ScriptedServer, client: Client
) -> None:
    tasks = waiting(client, "a", "a")
    stream = await opened(server)
    assert [*(await stream.requests.get()).execution_ids] == ["a"]
    stream.close(closed("a"))
    assert await asyncio.gather(*tasks) == [{"of": "a"}] * 2
    # It may have been retried: whoever asks later asks anew.
    [later] = waiting(client, "a")
    assert await stream.named(1) == {"a"}
    stream.close(closed("a"))
    await later


async def test_after_a_break_those_who_are_missing_are_named_again(
    server: ScriptedServer, client: Client
) -> None:
    tasks = waiting(client, "a", "b", "c")
    stream = await opened(server)
    await stream.named(3)
    stream.close(closed("b"))
    await tasks[1]
    stream.break_off()
    stream = await opened(server)
    assert await stream.named(2) == {"a", "c"}
    stream.close(closed("a"), closed("c"))
    await asyncio.gather(*tasks)


async def test_who_gives_up_is_forgotten_and_harms_nobody(
    server: ScriptedServer, client: Client
) -> None:
    given_up, first, second = waiting(client, "a", "b", "b")
    stream = await opened(server)
    await stream.named(2)
    given_up.cancel()
    first.cancel()
    assert await forgotten(stream) == ["a"]
    stream.close(closed("b"))
    assert await second == {"of": "b"}


async def test_an_answer_that_crosses_with_giving_up_leaves_nobody_waiting(
    server: ScriptedServer, client: Client
) -> None:
    """What the server has told it tells nobody who comes later: that one has to ask."""
    [first] = waiting(client, "a")
    stream = await opened(server)
    await stream.named(1)
    # The stream's reader is handed the answer between the one's leaving and the other's coming.
    followed = client._connection.awaiting._streams[0]  # noqa: SLF001 - no door leads between
    first.cancel()
    await asyncio.wait([first])
    followed._take(pb.AwaitExecutionsResponse(executions=[closed("a")]))  # noqa: SLF001
    [second] = waiting(client, "a")
    assert await asyncio.wait_for(stream.named(1), 20) == {"a"}
    stream.close(closed("a"))
    await second


async def test_one_that_there_is_not_is_told_to_those_who_wait_for_it_alone(
    server: ScriptedServer, client: Client
) -> None:
    tasks = waiting(client, "a", "b")
    stream = await opened(server)
    await stream.named(2)
    stream.responses.put_nowait(pb.AwaitExecutionsResponse(unknown_ids=["a"]))
    with pytest.raises(ExecutionNotFound, match='there is no execution "a"') as caught:
        await tasks[0]
    assert (caught.value.code, caught.value.reason) == ("NOT_FOUND", "EXECUTION_NOT_FOUND")
    stream.close(closed("b"))
    await tasks[1]


@pytest.mark.parametrize("bad", ["", "x" * 1_001, "a\0b"], ids=["empty", "long", "with U+0000"])
async def test_an_id_that_the_server_refuses_harms_nobody_else(
    server: ScriptedServer, client: Client, bad: str
) -> None:
    server.script("GetExecution", Refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"))
    good, refused = waiting(client, "a", bad)
    with pytest.raises(InvalidRequest):
        await refused
    stream = await opened(server)
    assert await stream.named(1) == {"a"}
    stream.close(closed("a"))
    await good


async def test_text_that_is_no_text_harms_nobody_else(
    server: ScriptedServer, client: Client
) -> None:
    good, refused = waiting(client, "a", "\ud800")
    with pytest.raises(ValueError, match=r"surrogate|UTF-8"):
        await refused
    stream = await opened(server)
    assert await stream.named(1) == {"a"}
    stream.close(closed("a"))
    await good


async def test_more_than_a_stream_takes_share_several(
    server: ScriptedServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaiting, "_MOST_A_STREAM", 2)
    tasks = waiting(client, "a", "b", "c", "a")
    named = []
    for stream in (await opened(server), await opened(server)):
        named.append(sorted((await stream.requests.get()).execution_ids))
        stream.close(*map(closed, named[-1]))
    assert sorted(named) == [["a", "b"], ["c"]]
    await asyncio.gather(*tasks)


async def test_a_client_that_is_closed_tells_those_who_wait(server: ScriptedServer) -> None:
    async with Client(server.address) as client:
        tasks = waiting(client, "a", "b")
        await (await opened(server)).named(2)
    for task in tasks:
        with pytest.raises(RpcError, match="the client was closed"):
            await asyncio.wait_for(task, 20)


async def test_a_client_that_is_closed_at_once_tells_those_who_wait(
    server: ScriptedServer,
) -> None:
    """The stream has not been opened yet."""
    async with Client(server.address) as client:
        [task] = waiting(client, "a")
        await asyncio.sleep(0)
    with pytest.raises(RpcError, match="the client was closed"):
        await asyncio.wait_for(task, 20)


async def test_a_server_that_stays_away_is_told_to_all_and_then_tried_anew(
    server: ScriptedServer,
) -> None:
    async with Client(server.address, timeout=0.2) as client:
        tasks = waiting(client, "a", "b")
        while not all(task.done() for task in tasks):
            try:
                async with asyncio.timeout(0.1):
                    (await server.waits.get()).break_off()
            except TimeoutError:
                continue
        for task in tasks:
            with pytest.raises(Unavailable):
                await task
        [later] = waiting(client, "a")
        stream = await opened(server)
        assert await stream.named(1) == {"a"}
        stream.close(closed("a"))
        await later


async def test_a_refused_stream_is_not_tried_again(server: ScriptedServer, client: Client) -> None:
    [task] = waiting(client, "a")
    (await opened(server)).break_off(Refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"))
    with pytest.raises(InvalidRequest):
        await task
    assert server.waits.empty()


async def test_a_stream_that_somebody_has_limited_is_no_timeout_of_the_caller(
    server: ScriptedServer, client: Client
) -> None:
    run: Execution = client.execution("a")
    for timeout in (None, 60):
        task = asyncio.create_task(run.wait(timeout))
        (await opened(server)).break_off(Refusal(grpc.StatusCode.DEADLINE_EXCEEDED))
        with pytest.raises(DeadlineExceeded):
            await task
    assert not server.received["GetExecution"]


async def test_a_status_is_told_with_the_close(server: ScriptedServer, client: Client) -> None:
    task = asyncio.create_task(client.execution("a").wait(60))
    stream = await opened(server)
    stream.close(closed("a"))
    assert (await task).status is ExecutionStatus.COMPLETED
