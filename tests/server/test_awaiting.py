"""AwaitExecutions: each is told once, as soon as it has closed, to whoever reads, fast or slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import StatusCode

from branchline.server import awaiting
from branchline.server.app import App
from branchline.server.settings import Settings
from branchline.server.storage import Store
from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.server.door import Door
from tests.server.flows import flow, listen, work
from tests.server.refusals import refused
from tests.server.serving import Served, connected, database_url
from tests.server.worker import completed, failed

COMPLETED = execution_pb2.EXECUTION_STATUS_COMPLETED
CANCELED = execution_pb2.EXECUTION_STATUS_CANCELED
FAILED = execution_pb2.EXECUTION_STATUS_FAILED


class Waits:
    """One call of AwaitExecutions."""

    def __init__(self, served: Served) -> None:
        self.call: grpc.aio.StreamStreamCall[Any, Any] = served.executions.AwaitExecutions()
        self._answers: AsyncIterator[pb.AwaitExecutionsResponse] = aiter(self.call)

    async def name(self, ids: Iterable[str] = (), forgotten: Iterable[str] = ()) -> None:
        """Name executions."""
        request = pb.AwaitExecutionsRequest(execution_ids=ids, forgotten_ids=forgotten)
        await self.call.write(request)

    async def next(self) -> pb.AwaitExecutionsResponse:
        """The next answer."""
        return await asyncio.wait_for(anext(self._answers), 20)

    async def told(self, count: int) -> dict[str, int]:
        """The statuses of so many, 0 for one that there is not; each is told once."""
        found: list[tuple[str, int]] = []
        while len(found) < count:
            answer = await self.next()
            found += [(execution.id, execution.status) for execution in answer.executions]
            found += [(unknown, 0) for unknown in answer.unknown_ids]
        statuses = dict(found)
        assert len(statuses) == len(found) == count
        return statuses

    async def end(self) -> None:
        """Name no more, and see the stream end without another answer."""
        await self.call.done_writing()
        async with asyncio.timeout(20):
            assert [answer async for answer in self._answers] == []
        assert await self.call.code() is StatusCode.OK


class Late:
    """The database says how executions stand, and that arrives late."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read = asyncio.Event()
        self.told = asyncio.Event()
        real = Store.statuses_by_id

        async def read(store: Store, ids: Sequence[str]) -> dict[str, int]:
            statuses = await real(store, ids)
            self.read.set()
            await self.told.wait()
            return statuses

        monkeypatch.setattr(Store, "statuses_by_id", read)


@pytest.fixture
async def late(monkeypatch: pytest.MonkeyPatch) -> Late:
    """What is read of many executions arrives late."""
    return Late(monkeypatch)


async def listeners(served: Served, count: int) -> list[str]:
    """Executions that wait for a signal."""
    await served.register(flow(listen(), outputs=["heard"]))
    return [await served.start() for _ in range(count)]


async def test_an_execution_is_told_when_it_closes_in_the_basic_view(served: Served) -> None:
    one, other = await listeners(served, 2)
    waits = Waits(served)
    await waits.name([one, other])
    await served.signal(one, payload='{"n":1}')
    [execution] = (await waits.next()).executions
    assert (execution.id, execution.status) == (one, COMPLETED)
    assert execution.outputs_json == '{"heard":{"n":1}}'
    assert execution.HasField("close_time")
    assert not execution.branches
    await served.cancel(other)
    assert await waits.told(1) == {other: CANCELED}
    await waits.end()


async def test_many_are_told_on_one_stream_as_they_are_named_and_as_they_close(
    served: Served,
) -> None:
    ids = await listeners(served, 60)
    waits = Waits(served)
    for first in range(0, 60, 20):
        await waits.name(ids[first : first + 20])
        await asyncio.gather(*(served.signal(each) for each in ids[first : first + 20 : 2]))
    await asyncio.gather(*(served.cancel(each) for each in ids[1::2]))
    assert await waits.told(60) == dict(zip(ids, [COMPLETED, CANCELED] * 30, strict=True))
    await waits.end()


@pytest.mark.parametrize("count", [1, 30], ids=["few", "many"])
async def test_those_that_have_closed_before_and_those_there_are_not_are_told_at_once(
    served: Served, count: int
) -> None:
    ids = await listeners(served, count + 1)
    closed, live = ids[:-1], ids[-1]
    await asyncio.gather(*map(served.cancel, closed))
    unknown = [f"nobody-{number}" for number in range(count)]
    waits = Waits(served)
    await waits.name([*closed, live, *unknown])
    told = await waits.told(2 * count)
    assert told == {**dict.fromkeys(closed, CANCELED), **dict.fromkeys(unknown, 0)}
    await served.cancel(live)
    assert await waits.told(1) == {live: CANCELED}
    await waits.end()


async def test_one_that_is_named_twice_is_told_once_and_again_when_it_is_asked_again(
    served: Served,
) -> None:
    [one] = await listeners(served, 1)
    waits = Waits(served)
    await waits.name([one, one])
    await waits.name([one])
    await served.signal(one)
    assert await waits.told(1) == {one: COMPLETED}
    await waits.name([one])
    assert await waits.told(1) == {one: COMPLETED}
    await waits.end()


async def test_one_that_is_forgotten_is_not_told(served: Served) -> None:
    one, other = await listeners(served, 2)
    waits = Waits(served)
    await waits.name([one, other])
    # By the time that the unknown one is told, all that was said before it has been heard.
    await waits.name(["nobody"], forgotten=[one, "somebody else"])
    assert await waits.told(1) == {"nobody": 0}
    await served.cancel(one)
    await served.cancel(other)
    assert await waits.told(1) == {other: CANCELED}
    await waits.end()


async def test_the_stream_ends_after_the_last_answer(served: Served) -> None:
    one, other = await listeners(served, 2)
    waits = Waits(served)
    await waits.name([one, other])
    await waits.call.done_writing()
    await served.signal(one)
    assert await waits.told(1) == {one: COMPLETED}
    await served.signal(other)
    assert await waits.told(1) == {other: COMPLETED}
    await waits.end()


async def test_a_stream_on_which_nobody_is_named_ends_at_once(served: Served) -> None:
    await Waits(served).end()


async def test_a_failed_one_that_is_retried_is_told_again_when_it_closes_again(
    served: Served,
) -> None:
    await served.register(flow(work()))
    execution_id = await served.start()
    waits = Waits(served)
    for report, status in ((failed, FAILED), (completed, COMPLETED)):
        await waits.name([execution_id])
        if status is COMPLETED:
            assert await waits.told(1) == {execution_id: FAILED}
            await served.retry(execution_id)
            await waits.name([execution_id])
        [task] = await served.poll(20)
        await served.report(report(task))
        assert await waits.told(1) == {execution_id: status}
    await waits.end()


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (pb.AwaitExecutionsRequest(execution_ids=["a", ""]), "execution_ids"),
        (pb.AwaitExecutionsRequest(execution_ids=["x" * 1_001]), "execution_ids"),
        (pb.AwaitExecutionsRequest(execution_ids=["a\0b"]), "execution_ids"),
        (pb.AwaitExecutionsRequest(execution_ids=["a"] * 1_001), "execution_ids"),
        (pb.AwaitExecutionsRequest(forgotten_ids=["a"] * 1_001), "forgotten_ids"),
    ],
    ids=["an empty id", "a long id", "U+0000", "too many", "too many forgotten"],
)
async def test_what_cannot_be_waited_for_ends_the_stream(
    served: Served, request_: pb.AwaitExecutionsRequest, told: str
) -> None:
    waits = Waits(served)
    await waits.call.write(request_)
    refusal = await refused(waits.next())
    assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert list(refusal.violations) == [told]


async def test_bytes_that_are_no_message_end_the_stream(served: Served) -> None:
    method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = served.channel.stream_stream(
        "/branchline.v1.ExecutionService/AwaitExecutions"
    )
    call = method(iter([b"\xff\xff"]))
    refusal = await refused(asyncio.wait_for(call.read(), 20))
    assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert "AwaitExecutionsRequest" in refusal.message


async def test_a_caller_may_wait_for_so_many_at_once(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaiting, "MOST_AWAITED", 3)
    ids = await listeners(served, 4)
    waits = Waits(served)
    await waits.name(ids[:3])
    await waits.name(ids[:3], forgotten=[ids[0]])
    await served.cancel(ids[0])
    assert await waits.told(1) == {ids[0]: CANCELED}
    await waits.name([ids[3]])
    await waits.name(["nobody"])
    refusal = await refused(waits.next())
    assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert "at most 3" in refusal.message


@pytest.mark.parametrize("before", [True, False], ids=["before", "while it waits"])
async def test_a_slow_reader_is_told_of_more_than_is_kept_in_memory(
    served: Served, *, before: bool
) -> None:
    """What has closed for it is far more than the 4 MB that are kept; messages stay small."""
    await served.register(flow(work(store="x"), outputs=["x"]))
    ids = [await served.start() for _ in range(24)]
    waits = Waits(served)
    if not before:
        await waits.name(ids)
    while tasks := await served.poll(0.1, most=8):
        await served.report(*(completed(task, "x" * 700_000) for task in tasks))
    await asyncio.gather(*map(served.closed, ids))
    if before:
        await waits.name(ids)
    sizes: list[int] = []
    told: list[str] = []
    while len(told) < len(ids):
        answer = await waits.next()
        sizes.append(answer.ByteSize())
        told += [each.id for each in answer.executions if len(each.outputs_json) > 700_000]
    assert sorted(told) == sorted(ids)
    assert max(sizes) < 2_000_000
    await waits.end()


async def test_a_database_that_fails_ends_the_stream(
    served: Served, door: Callable[[str], Door]
) -> None:
    waits = Waits(served)
    door("executions_by_id").fail(1)
    await waits.name(["nobody"])
    refusal = await refused(waits.next())
    assert refusal.what == (StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")


async def test_one_that_is_deleted_before_its_row_is_read_is_unknown(
    served: Served, late: Late
) -> None:
    ids = await listeners(served, 20)
    await asyncio.gather(*map(served.cancel, ids))
    waits = Waits(served)
    await waits.name(ids)
    await asyncio.wait_for(late.read.wait(), 20)
    await served.delete(ids[0])
    late.told.set()
    assert await waits.told(20) == {**dict.fromkeys(ids, CANCELED), ids[0]: 0}
    await waits.end()


async def test_one_that_is_retried_before_its_row_is_read_is_waited_for_again(
    served: Served, late: Late
) -> None:
    await served.register(flow(work()))
    ids = [await served.start() for _ in range(10)]
    await served.report(*map(failed, await served.poll(20, most=10)))
    await asyncio.gather(*map(served.closed, ids))
    waits = Waits(served)
    await waits.name(ids)
    await asyncio.wait_for(late.read.wait(), 20)
    await served.retry(ids[0])
    late.told.set()
    assert await waits.told(9) == dict.fromkeys(ids[1:], FAILED)
    [task] = await served.poll(20)
    await served.report(completed(task))
    assert await waits.told(1) == {ids[0]: COMPLETED}
    await waits.end()


async def test_a_server_that_stops_ends_the_stream(served: Served) -> None:
    ids = await listeners(served, 2)
    waits = Waits(served)
    await waits.name([*ids, "nobody"])
    assert await waits.told(1) == {"nobody": 0}
    stopping = asyncio.ensure_future(served.stop())
    refusal = await refused(waits.next())
    assert refusal.what == (StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
    await asyncio.wait_for(stopping, 20)


@pytest.mark.parametrize("how", ["cancelled", "refused", "ended"])
async def test_nothing_is_left_of_a_stream_that_has_ended(path: Path, how: str) -> None:
    settings = Settings(database_url=await database_url(path), listen="127.0.0.1:0")
    async with App(settings) as app, connected(app.port) as served:
        closings = app._closings  # noqa: SLF001 - it is in no answer
        ids = await listeners(served, 3)
        waits = Waits(served)
        await waits.name([*ids, "nobody"])
        await waits.next()
        assert sorted(closings.awaited) == sorted(ids)
        if how == "cancelled":
            waits.call.cancel()
        elif how == "refused":
            await waits.name([""])
            await refused(waits.next())
        else:
            await asyncio.gather(*map(served.cancel, ids))
            await waits.told(3)
            await waits.end()
        async with asyncio.timeout(20):
            while closings.awaited:
                await served.get(ids[0])
