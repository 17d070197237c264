"""Tasks and workers of several servers on one database (semantics 7.1-7.9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from grpc import StatusCode

from branchline.v1 import task_pb2
from branchline.v1 import task_service_pb2 as pb
from tests.server.flows import flow, seconds, work
from tests.server.refusals import refused
from tests.server.serving import Served
from tests.server.sharing import two
from tests.server.worker import completed, failed, recorded, released, waits

LOST = (StatusCode.FAILED_PRECONDITION, "LEASE_LOST")
LEASE = 0.4


@pytest.fixture
async def both() -> AsyncIterator[tuple[Served, Served]]:
    """Two servers on one database."""
    async with two() as both:
        yield both


@pytest.fixture
async def impatient() -> AsyncIterator[tuple[Served, Served]]:
    """Two servers whose leases are short."""
    async with two(lease=LEASE) as both:
        yield both


async def test_a_task_goes_to_the_server_that_has_a_worker(both: tuple[Served, Served]) -> None:
    one, other = both
    await one.register(flow(work()))
    worker = await other.worker()
    for _ in range(5):
        execution_id = await one.start()
        await worker.complete(await worker.task())
        assert (await worker.ack()).accepted
        await one.closed(execution_id)


async def test_what_the_own_workers_have_no_room_for_goes_to_others(
    both: tuple[Served, Served],
) -> None:
    one, other = both
    await one.register(flow(work()))
    near, far = await one.worker(max_tasks=2), await other.worker(worker_id="far", max_tasks=3)
    for _ in range(5):
        await one.start()
    assert len(await near.tasks(2)) == 2
    assert len(await far.tasks(3)) == 3


async def test_tasks_that_wait_are_shared_out_and_none_twice(both: tuple[Served, Served]) -> None:
    one, other = both
    await one.register(flow(work(items=list(range(300)))))
    await one.start()
    batches = await asyncio.gather(*(s.poll(20, most=50) for s in (one, other) * 4))
    tokens = [task.token for batch in batches for task in batch]
    assert len(tokens) == len(set(tokens)) > 150


async def test_a_task_that_is_given_back_goes_to_the_other_server(
    both: tuple[Served, Served],
) -> None:
    one, other = both
    await one.register(flow(work()))
    await one.start()
    [task] = await one.poll(20)
    polling = asyncio.ensure_future(other.poll(20))
    await one.report(released(task))
    [again] = await polling
    assert (again.attempt, again.delivery) == (1, 2)


async def test_a_task_that_is_lost_at_one_server_goes_to_the_other(
    impatient: tuple[Served, Served],
) -> None:
    one, other = impatient
    await one.register(flow(work()))
    await one.start()
    [task] = await one.poll(20)
    [again] = await other.poll(20)
    assert (again.attempt, again.delivery) == (1, 2)
    [ack] = await other.report(completed(task))
    assert ack.reason == "LEASE_LOST"
    [ack] = await one.report(completed(again))
    assert ack.accepted


async def test_an_outcome_is_taken_by_any_server_and_once(both: tuple[Served, Served]) -> None:
    one, other = both
    await one.register(flow(work(store="n"), outputs=["n"]))
    execution_id = await one.start()
    [task] = await one.poll(20)
    acks = await asyncio.gather(*(s.report(completed(task, 1)) for s in (one, other) * 2))
    assert sorted(ack.accepted for [ack] in acks) == [False, False, False, True]
    assert (await other.closed(execution_id)).outputs_json == '{"n":1}'


@pytest.mark.parametrize("report", [failed, waits])
async def test_other_outcomes_are_taken_by_any_server(
    both: tuple[Served, Served], report: type
) -> None:
    one, other = both
    await one.register(flow(work()))
    await one.start()
    [task] = await one.poll(20)
    [ack] = await other.report(report(task))
    assert ack.accepted


async def test_values_are_recorded_at_any_server_and_come_with_the_next_delivery(
    both: tuple[Served, Served],
) -> None:
    one, other = both
    await one.register(flow(work()))
    await one.start()
    [task] = await one.poll(20)
    [first] = await other.record(recorded(task, "a", 1))
    [second] = await one.record(recorded(task, "b", 2))
    assert (first.accepted, second.accepted) == (True, True)
    await other.report(released(task))
    [again] = await one.poll(20)
    assert dict(again.recorded_json) == {"a": "1", "b": "2"}


async def test_what_a_branch_knows_can_be_asked_for_at_any_server(
    both: tuple[Served, Served],
) -> None:
    one, other = both
    await one.register(flow(work(), inputs=["x"], state={"y": 2}))
    await one.start({"x": 1})
    [task] = await one.poll(20)
    assert await other.branch_state(task.token) == await one.branch_state(task.token)
    await one.report(completed(task))
    assert (await refused(other.branch_state(task.token))).what == LOST


async def test_a_question_at_another_server_takes_no_task_from_its_worker(
    impatient: tuple[Served, Served],
) -> None:
    """The stream at its own server goes on to keep the lease up."""
    one, other = impatient
    await one.register(flow(work()))
    await one.start()
    worker = await one.worker(max_tasks=1)
    task = await worker.task()
    await other.branch_state(task.token)
    polling = asyncio.ensure_future(other.poll(3 * LEASE))
    while not polling.done():
        await worker.send()
        await asyncio.wait([polling], timeout=LEASE / 4)
    assert await polling == []
    assert worker.waiting == 0
    await worker.complete(task)
    assert (await worker.ack()).accepted


async def test_signs_of_life_at_another_server_keep_a_task(
    impatient: tuple[Served, Served],
) -> None:
    one, other = impatient
    await one.register(flow(work()))
    await one.start()
    [task] = await one.poll(20)
    request = pb.ReportTasksRequest(heartbeats=[task_pb2.TaskHeartbeat(token=task.token)])
    polling = asyncio.ensure_future(one.poll(3 * LEASE))
    while not polling.done():
        answer = await other.tasks.ReportTasks(request)
        assert not answer.cancellations
        await asyncio.wait([polling], timeout=LEASE / 4)
    assert await polling == []
    [ack] = await one.report(completed(task))
    assert ack.accepted


async def test_a_sign_of_life_after_the_lease_is_told_to_stop_at_any_server(
    both: tuple[Served, Served],
) -> None:
    one, other = both
    await one.register(flow(work()))
    await one.start()
    [task] = await one.poll(20)
    await one.report(released(task))
    request = pb.ReportTasksRequest(heartbeats=[task_pb2.TaskHeartbeat(token=task.token)])
    for served in both:
        [stop] = (await served.tasks.ReportTasks(request)).cancellations
        assert stop.token == task.token
        assert stop.reason == task_pb2.TASK_CANCELLATION_REASON_LEASE_LOST
    worker = await other.worker("other")
    await worker.send(heartbeats=tuple(request.heartbeats))
    assert (await worker.cancellation()).token == task.token


async def test_a_worker_that_reconnects_at_another_server_keeps_its_tasks(
    impatient: tuple[Served, Served],
) -> None:
    one, other = impatient
    await one.register(flow(work(items=[1, 2])))
    execution_id = await one.start()
    worker = await one.worker(max_tasks=2)
    tasks = await worker.tasks(2)
    await worker.break_off()
    again = await other.worker(max_tasks=2, held=tuple(task.token for task in tasks))
    polling = asyncio.ensure_future(one.poll(3 * LEASE))
    while not polling.done():
        await again.send()
        await asyncio.wait([polling], timeout=LEASE / 4)
    assert await polling == []
    await again.complete(*tasks)
    assert [(await again.ack()).accepted for _ in tasks] == [True, True]
    assert again.waiting == 0
    await one.closed(execution_id)


async def test_a_worker_that_goes_from_server_to_server_is_never_without_its_task(
    impatient: tuple[Served, Served],
) -> None:
    """Whoever had the task last looks after it, also when the worker falls silent there."""
    one, other = impatient
    await one.register(flow(work()))
    await one.start()
    worker = await one.worker()
    task = await worker.task()
    for served in (other, one) * 10:
        await worker.break_off()
        worker = await served.worker(held=(task.token,))
    await worker.break_off()
    [again] = await other.poll(20)
    assert again.delivery == 2


async def test_a_task_withdrawn_at_one_server_is_stopped_at_the_other(
    both: tuple[Served, Served],
) -> None:
    one, other = both
    await one.register(flow(work()))
    execution_id = await one.start()
    worker = await other.worker()
    task = await worker.task()
    await one.cancel(execution_id)
    stop = await worker.cancellation()
    assert stop.token == task.token
    assert stop.reason == task_pb2.TASK_CANCELLATION_REASON_WITHDRAWN
    await worker.complete(task)
    assert (await worker.ack()).reason == "LEASE_LOST"


async def test_a_task_withdrawn_while_another_server_fetches_it_is_stopped_there(
    both: tuple[Served, Served],
) -> None:
    one, other = both
    await one.register(flow(work()))
    worker = await other.worker(max_tasks=100)
    ids = [await one.start() for _ in range(30)]
    await asyncio.gather(*map(one.cancel, ids))
    wanted = await one.start()
    while (await worker.task()).execution_id != wanted:
        assert (await worker.cancellation()).token
    assert worker.waiting == 0


async def test_a_wait_in_an_activity_ends_by_a_signal_at_the_other_server(
    both: tuple[Served, Served],
) -> None:
    one, other = both
    await one.register(flow(work()))
    execution_id = await one.start()
    [task] = await one.poll(20)
    await one.report(waits(task))
    await other.signal(execution_id, payload="7")
    [again] = await one.poll(20)
    assert dict(again.received_json) == {"1": "7"}


async def test_what_a_task_waits_for_is_the_same_at_both(both: tuple[Served, Served]) -> None:
    one, other = both
    await one.register(flow(work()))
    execution_id = await one.start()
    for served in both:
        [waiting] = (await served.get(execution_id)).waiting_tasks
        assert waiting.activity == "work"
    [task] = await other.poll(20)
    for served in both:
        assert not (await served.get(execution_id)).waiting_tasks
    await other.report(released(task))
    for served in both:
        assert len((await served.get(execution_id)).waiting_tasks) == 1


async def test_nobody_takes_a_task_in_time_at_either_server(both: tuple[Served, Served]) -> None:
    one, other = both
    definition = flow(work())
    definition.steps[0].schedule_timeout.CopyFrom(seconds(0.2))
    await one.register(definition)
    ids = [await one.start() for _ in range(6)]
    for execution_id in ids:
        execution = await other.closed(execution_id)
        assert execution.error.type == "timeout"
        assert "schedule_timeout" in execution.error.message
