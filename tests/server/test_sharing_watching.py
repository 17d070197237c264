"""What is seen at one server of what happens at another (semantics 12.2, 12.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from grpc import StatusCode

from branchline.server import far_closings
from branchline.v1 import event_pb2, execution_pb2, task_pb2, workflow_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.postgres import execute
from tests.server.door import Door
from tests.server.flows import edges, flow, listen, work
from tests.server.refusals import refusal_of
from tests.server.serving import Served
from tests.server.sharing import Together, gapless, numbers, together, watched
from tests.server.test_awaiting import Waits
from tests.server.test_watch_executions import Watch
from tests.server.worker import completed

LISTENERS = """\
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND query ILIKE '%listen%' AND pid != pg_backend_pid()
"""


@pytest.fixture
async def servers() -> AsyncIterator[Together]:
    """A database for several servers."""
    async with together() as servers:
        yield servers


@pytest.fixture
async def both(servers: Together) -> tuple[Served, Served]:
    """Two servers on one database."""
    return (await servers.join()).served, (await servers.join()).served


async def begun(served: Served, execution_id: str) -> asyncio.Future[list[event_pb2.Event]]:
    """A watch that has begun to read, to its end."""
    reading = asyncio.ensure_future(watched(served, execution_id))
    await served.get(execution_id)
    return reading


async def play(served: Served, other: Served, execution_id: str, rounds: int) -> None:
    """Let an execution of ``rounds`` go on by turns at two servers, to its end."""
    for number in range(rounds):
        at, beside = (served, other) if number % 2 else (other, served)
        await at.signal(execution_id, payload=str(number))
        [task] = await beside.poll(20)
        await at.report(completed(task, number))


def rounds(number: int) -> list[workflow_pb2.Step]:
    """The steps of a workflow that hears a signal and works, so many times."""
    steps = []
    for at in range(number):
        hear, do = listen(f"hear-{at}", f"do-{at}"), work("work")
        do.name = f"do-{at}"
        if at + 1 < number:
            do.next.extend(edges(f"hear-{at + 1}"))
        steps += [hear, do]
    return steps


async def test_watchers_at_both_see_everything_in_order(both: tuple[Served, Served]) -> None:
    one, other = both
    await one.register(flow(*rounds(10)))
    execution_id = await one.start()
    readings = [await begun(served, execution_id) for served in both * 2]
    await play(one, other, execution_id, 10)
    told = await asyncio.gather(*readings)
    stored = await one.events(execution_id)
    assert gapless(stored)
    assert all(events == stored for events in told)


async def test_a_watcher_goes_on_at_another_server(both: tuple[Served, Served]) -> None:
    one, other = both
    await one.register(flow(*rounds(6)))
    execution_id = await one.start()
    playing = asyncio.ensure_future(play(one, other, execution_id, 6))
    seen: list[int] = []
    at, beside = one, other
    while not playing.done():
        request = pb.WatchExecutionRequest(
            execution_id=execution_id, after_sequence=seen[-1] if seen else 0
        )
        call = at.executions.WatchExecution(request)
        seen += numbers((await asyncio.wait_for(anext(aiter(call)), 20)).events)
        call.cancel()
        at, beside = beside, at
    await playing
    seen += numbers(await watched(at, execution_id, seen[-1]))
    assert seen == numbers(await one.events(execution_id))
    assert seen == list(range(1, len(seen) + 1))


async def test_who_waits_for_the_end_hears_of_it_at_once(both: tuple[Served, Served]) -> None:
    one, other = both
    await one.register(flow(listen()))
    ids = [await one.start() for _ in range(5)]
    waiting = [asyncio.ensure_future(other.closed(execution_id)) for execution_id in ids]
    await asyncio.sleep(0)
    await asyncio.gather(*map(one.signal, ids))
    await asyncio.wait_for(asyncio.gather(*waiting), 5)


async def test_who_waits_for_many_ends_hears_of_those_at_the_other_server(
    both: tuple[Served, Served],
) -> None:
    """Also of one that is gone before its end could be read."""
    one, other = both
    await one.register(flow(listen()))
    ids = [await one.start() for _ in range(20)]
    waits = Waits(other)
    await waits.name([*ids, "nobody"])
    assert await waits.told(1) == {"nobody": 0}
    await asyncio.gather(*map(one.signal, ids))
    completed = execution_pb2.EXECUTION_STATUS_COMPLETED
    assert await waits.told(20) == dict.fromkeys(ids, completed)
    await waits.end()


async def test_one_that_is_closed_and_deleted_at_once_is_told_to_be_gone(
    both: tuple[Served, Served], door: Callable[[str], Door]
) -> None:
    one, other = both
    await one.register(flow(listen()))
    execution_id = await one.start()
    waits = Waits(other)
    await waits.name([execution_id, "nobody"])
    await waits.next()
    statuses = door("statuses_by_id")
    statuses.shut()
    await one.cancel(execution_id)
    await asyncio.wait_for(statuses.knocked.wait(), 20)
    await one.delete(execution_id)
    statuses.let_in()
    assert await waits.told(1) == {execution_id: 0}
    await waits.end()


async def test_a_close_that_could_not_be_read_is_read_again(
    both: tuple[Served, Served], door: Callable[[str], Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(far_closings, "AGAIN", 0.01)
    one, other = both
    await one.register(flow(listen()))
    execution_id = await one.start()
    waits = Waits(other)
    await waits.name([execution_id, "nobody"])
    await waits.next()
    door("statuses_by_id").fail(2)
    await one.cancel(execution_id)
    assert await waits.told(1) == {execution_id: execution_pb2.EXECUTION_STATUS_CANCELED}
    await waits.end()


async def test_a_deletion_at_one_server_ends_the_watch_at_the_other(
    both: tuple[Served, Served],
) -> None:
    """Its watcher is at the last event before the end, and so waits for more."""
    one, other = both
    await one.register(flow(listen()))
    execution_id = await one.start()
    watch = Watch(other)
    await watch.begin()
    call = other.executions.WatchExecution(pb.WatchExecutionRequest(execution_id=execution_id))
    await call.read()
    await one.cancel(execution_id)
    await one.delete(execution_id)
    try:
        while await asyncio.wait_for(call.read(), 20):
            pass
    except Exception as error:  # noqa: BLE001 - gRPC's
        refusal = refusal_of(error)  # type: ignore[arg-type]  # it is
        assert refusal.what == (StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")


async def test_positions_never_skip_under_concurrent_commits(both: tuple[Served, Served]) -> None:
    await both[0].register(flow(listen()))
    watches = [Watch(served) for served in both]
    for watch in watches:
        await watch.begin()

    async def live(served: Served) -> list[str]:
        ids = []
        for _ in range(15):
            ids.append(await served.start())
            await served.cancel(ids[-1])
        return ids

    lives = await asyncio.gather(*(live(served) for served in both * 3))
    ids = [execution_id for part in lives for execution_id in part]
    for watch in watches:
        told = await watch.until(3 * len(ids))
        for execution_id in ids:
            mine = [status for told_id, status in told if told_id == execution_id]
            assert mine == ["RUNNING", "SUSPENDED", "CANCELED"]
    assert watches[0].told == watches[1].told


async def test_a_position_of_one_server_is_good_at_the_other(both: tuple[Served, Served]) -> None:
    one, other = both
    await one.register(flow(listen()))
    first = Watch(one)
    await first.begin()
    execution_id = await other.start()
    await first.until(2)
    first.call.cancel()
    await one.cancel(execution_id)
    second = Watch(other, first.position)
    assert await second.until(1) == [(execution_id, "CANCELED")]


async def test_nothing_is_missed_when_the_connection_for_notes_is_lost(
    servers: Together,
) -> None:
    one, other = (await servers.join()).served, (await servers.join()).served
    await one.register(flow(listen("listen", "work"), work()))
    ids = [await one.start() for _ in range(3)]
    watch = Watch(other)
    await watch.begin()
    readings = [await begun(other, execution_id) for execution_id in ids]
    worker = await other.worker()
    for execution_id in ids:
        await execute(servers.url, LISTENERS)
        await one.signal(execution_id)
        await worker.complete(await worker.task())
        assert (await worker.ack()).accepted
    closing = asyncio.ensure_future(other.closed(await one.start(id="last")))
    await execute(servers.url, LISTENERS)
    await one.cancel("last")
    await asyncio.wait_for(closing, 20)
    for reading in readings:
        assert gapless(await reading)
    await watch.until(3 * 2 + 3)


async def test_what_an_activity_says_is_heard_at_both(both: tuple[Served, Served]) -> None:
    one, other = both
    await one.register(flow(work()))
    execution_id = await one.start()
    worker = await one.worker()
    task = await worker.task()
    call = other.executions.WatchExecution(pb.WatchExecutionRequest(execution_id=execution_id))
    answers = aiter(call)
    await anext(answers)
    heartbeat = task_pb2.TaskHeartbeat(token=task.token, message="half", data_json="{}")
    await worker.send(heartbeats=(heartbeat,))
    said = await asyncio.wait_for(anext(answers), 20)
    while not said.progress:
        said = await asyncio.wait_for(anext(answers), 20)
    assert [note.message for note in said.progress] == ["half"]
    call.cancel()
