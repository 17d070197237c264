"""Servers that come, go, die and are given up, and what becomes of their work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from branchline.v1 import execution_pb2, task_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.postgres import execute
from tests.server.families import family
from tests.server.flows import flow, listen, seconds, sleep, work
from tests.server.serving import Served
from tests.server.sharing import Together, gapless, together
from tests.server.worker import PATIENCE, completed

LEASE = 0.4


@pytest.fixture
async def servers() -> AsyncIterator[Together]:
    """A database for several servers."""
    async with together() as servers:
        yield servers


async def polled(served: Served, number: int) -> list[task_pb2.Task]:
    """So many tasks, as they come."""
    tasks: list[task_pb2.Task] = []
    async with asyncio.timeout(PATIENCE):
        while len(tasks) < number:
            tasks += await served.poll(20, most=number - len(tasks))
    return tasks


async def heard(served: Served, execution_id: str, event: str) -> None:
    """Watch until an event of a kind has happened."""
    request = pb.WatchExecutionRequest(execution_id=execution_id)
    call = served.executions.WatchExecution(request)
    async for answer in call:
        if event in [told.WhichOneof("event") for told in answer.events]:
            break
    call.cancel()


@pytest.mark.parametrize("way", ["stop", "kill"])
async def test_sleeps_end_once_at_another_server(servers: Together, way: str) -> None:
    one, other = await servers.join(), await servers.join()
    await one.served.register(flow(sleep("nap", "listen", span=0.4), listen()))
    ids = [await one.served.start() for _ in range(8)]
    await getattr(one, way)()
    async with asyncio.timeout(PATIENCE):
        for execution_id in ids:
            await heard(other.served, execution_id, "signal_awaited")
    for execution_id in ids:
        execution = await other.served.get(execution_id)
        assert execution.status == execution_pb2.EXECUTION_STATUS_SUSPENDED
        events = await other.served.events(execution_id)
        assert gapless(events)
        assert [event.WhichOneof("event") for event in events].count("signal_awaited") == 1


@pytest.mark.parametrize("way", ["stop", "kill"])
async def test_tasks_of_workers_that_never_come_back_are_delivered_again(
    servers: Together, way: str
) -> None:
    one, other = await servers.join(lease=LEASE), await servers.join(lease=LEASE)
    await one.served.register(flow(work(items=[1, 2, 3])))
    execution_id = await one.served.start()
    worker = await one.served.worker(max_tasks=2)
    await worker.tasks(2)
    [_] = await one.served.poll(20)
    await getattr(one, way)()
    tasks = await polled(other.served, 3)
    assert [(task.delivery, task.attempt) for task in tasks] == [(2, 1)] * 3
    await other.served.report(*map(completed, tasks))
    await other.served.closed(execution_id)


@pytest.mark.parametrize("way", ["stop", "kill"])
async def test_workers_go_on_at_another_server_with_what_they_hold(
    servers: Together, way: str
) -> None:
    one, other = await servers.join(), await servers.join()
    await one.served.register(flow(work(items=[1, 2])))
    execution_id = await one.served.start()
    worker = await one.served.worker(max_tasks=2)
    tasks = await worker.tasks(2)
    await getattr(one, way)()
    await worker.end()
    again = await other.served.worker(held=tuple(task.token for task in tasks))
    await again.complete(*tasks)
    assert [(await again.ack()).accepted for _ in tasks] == [True, True]
    await other.served.closed(execution_id)
    assert again.waiting == 0


async def test_an_attempt_is_over_in_time_although_its_server_has_died(servers: Together) -> None:
    one, other = await servers.join(), await servers.join()
    definition = flow(work())
    definition.steps[0].timeout.CopyFrom(seconds(0.5))
    await one.served.register(definition)
    execution_id = await one.served.start()
    await one.served.poll(20)
    await one.kill()
    execution = await other.served.closed(execution_id)
    assert execution.error.type == "timeout"


async def test_a_task_that_nobody_takes_is_over_in_time_although_its_server_has_died(
    servers: Together,
) -> None:
    one, other = await servers.join(), await servers.join()
    definition = flow(work())
    definition.steps[0].schedule_timeout.CopyFrom(seconds(0.3))
    await one.served.register(definition)
    ids = [await one.served.start() for _ in range(4)]
    await one.kill()
    for execution_id in ids:
        assert (await other.served.closed(execution_id)).error.type == "timeout"


async def test_all_but_one_server_may_die(servers: Together) -> None:
    one, other, third = [await servers.join(lease=LEASE) for _ in range(3)]
    await one.served.register(flow(work("work", "nap"), sleep("nap", span=0.2)))
    ids = [await served.start() for served in (one.served, other.served, third.served) * 2]
    for member in (one, other, third):
        [_] = await member.served.poll(20)
    await one.kill()
    await other.kill()
    for _ in range(6):
        [task] = await polled(third.served, 1)
        await third.served.report(completed(task))
    for execution_id in ids:
        execution = await third.served.closed(execution_id)
        assert execution.status == execution_pb2.EXECUTION_STATUS_COMPLETED


async def test_a_server_that_was_given_up_comes_again_and_nothing_is_lost_or_doubled(
    servers: Together,
) -> None:
    one, other = await servers.join(), await servers.join()
    await one.served.register(flow(work(items=[1, 2, 3]), state={}))
    execution_id = await one.served.start()
    worker = await one.served.worker(max_tasks=2)
    tasks = await worker.tasks(2)
    before = one.id
    await execute(servers.url, f"DELETE FROM servers WHERE id = '{before}'")
    refusal = await worker.end()
    assert refusal is not None
    assert refusal.reason == "STORE_UNAVAILABLE"
    again = await one.served.worker(max_tasks=3, held=tuple(task.token for task in tasks))
    third = await again.task()
    # It may have been fetched by the server that did not know yet, and then have reached nobody.
    assert third.item not in {task.item for task in tasks}
    await again.complete(*tasks, third)
    assert [(await again.ack()).accepted for _ in range(3)] == [True] * 3
    await other.served.closed(execution_id)
    assert again.waiting == 0
    assert one.id != before
    roll = {row["id"] for row in await servers.fetch("SELECT id FROM servers")}
    assert roll == {one.id, other.id}


async def test_a_server_that_was_given_up_while_it_was_held_up_does_no_harm(
    servers: Together,
) -> None:
    """What it had is another's by then; its own word does not count."""
    one, other = await servers.join(lease=LEASE), await servers.join(lease=LEASE)
    await one.served.register(flow(work()))
    execution_id = await one.served.start()
    [task] = await one.served.poll(20)
    await execute(servers.url, f"DELETE FROM servers WHERE id = '{one.id}'")
    [again] = await other.served.poll(20)
    assert again.delivery == 2
    [ack] = await one.served.report(completed(task, "late"))
    assert ack.reason == "LEASE_LOST"
    [ack] = await one.served.report(completed(again))
    assert ack.accepted
    await other.served.closed(execution_id)


async def test_a_server_that_comes_later_has_its_part_at_once(servers: Together) -> None:
    one = await servers.join()
    await one.served.register(flow(work()))
    await one.served.start()
    other = await servers.join()
    [task] = await other.served.poll(20)
    await other.served.report(completed(task))
    await one.served.start()
    [task] = await other.served.poll(20)
    await one.served.report(completed(task))


async def test_what_is_stored_while_another_server_comes_reaches_its_workers(
    servers: Together,
) -> None:
    """Until the others know of it, they tell it nothing."""
    one = await servers.join()
    await one.served.register(flow(work()))
    other = await servers.join()
    polling = asyncio.ensure_future(other.served.poll(20))
    execution_id = await one.served.start()
    [task] = await polling
    assert task.execution_id == execution_id


async def test_servers_go_one_after_the_other_and_work_goes_on(servers: Together) -> None:
    """A rolling restart."""
    old = [await servers.join(), await servers.join()]
    await old[0].served.register(flow(work("a", "b"), sleep("b", "c", span=0.05), work("c")))
    ids = [await old[number % 2].served.start() for number in range(10)]
    for member in old:
        new = await servers.join()
        await member.stop()
        worker = await new.served.worker("a", "c")
        done = len(ids) if member is old[0] else 0
        await worker.complete(*await worker.tasks(done))
        for _ in range(done):
            assert (await worker.ack()).accepted
        if member is old[1]:
            await worker.complete(*await worker.tasks(len(ids)))
            for execution_id in ids:
                await new.served.closed(execution_id)
        await worker.break_off()


async def test_retention_at_two_servers_at_once_removes_all_of_it_once(servers: Together) -> None:
    members = [await servers.join(retention="1s") for _ in range(2)]
    one, other = (member.served for member in members)
    await one.register(flow(listen()))
    ids = [await one.start() for _ in range(30)]
    await asyncio.gather(*map(one.cancel, ids))
    live = await one.start()
    await execute(servers.url, "UPDATE executions SET close_time = 1 WHERE close_time > 0")
    await asyncio.gather(*(member.app.retention.run_once() for member in members))
    assert [execution.id for execution in await family(other)] == [live]
    query = "SELECT FROM history WHERE execution_key NOT IN (SELECT key FROM executions)"
    assert await servers.fetch(query) == []


async def test_a_failed_execution_is_removed_or_taken_up_again_never_both(
    servers: Together,
) -> None:
    members = [await servers.join() for _ in range(2)]
    one, other = (member.served for member in members)
    definition = flow(work())
    definition.steps[0].schedule_timeout.CopyFrom(seconds(0.01))
    await one.register(definition)
    ids = [await one.start() for _ in range(20)]
    for execution_id in ids:
        await one.closed(execution_id)
    results = await asyncio.gather(
        *(one.retry(execution_id) for execution_id in ids),
        *(other.delete(execution_id) for execution_id in ids),
        return_exceptions=True,
    )
    retried, deleted = results[:20], results[20:]
    left = {execution.id for execution in await family(one)}
    for execution_id, retry, delete in zip(ids, retried, deleted, strict=True):
        assert (execution_id in left) == (delete is not None)
        assert retry is None or delete is None
    orphans = await servers.fetch(
        "SELECT FROM history WHERE execution_key NOT IN (SELECT key FROM executions)"
    )
    assert orphans == []
