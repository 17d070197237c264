"""Starts and definitions where several servers share a database (semantics 2.7, 4.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from grpc import StatusCode

from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.server.families import family
from tests.server.flows import flow, listen, spawn, work
from tests.server.refusals import Refusal, attempt
from tests.server.serving import Served
from tests.server.sharing import two

EXISTS = (StatusCode.ALREADY_EXISTS, "EXECUTION_EXISTS")


@pytest.fixture
async def both() -> AsyncIterator[tuple[Served, Served]]:
    """Two servers on one database."""
    async with two() as both:
        yield both


async def test_a_version_registered_at_one_server_runs_at_once_at_the_other(
    both: tuple[Served, Served],
) -> None:
    one, other = both
    for version in range(1, 6):
        await one.register(flow(listen(f"listen-{version}")))
        execution = await other.get(await other.start())
        assert execution.version == version
        one, other = other, one


async def test_the_same_definition_at_both_at_once_is_one_version(
    both: tuple[Served, Served],
) -> None:
    versions = await asyncio.gather(*(served.register(flow(listen())) for served in both * 5))
    assert versions == [1] * 10


async def test_one_request_at_both_at_once_starts_one_execution(
    both: tuple[Served, Served],
) -> None:
    await both[0].register(flow(listen()))

    async def start(served: Served, request_id: str) -> tuple[str, bool]:
        request = pb.StartExecutionRequest(workflow="flow", request_id=request_id)
        answer = await served.executions.StartExecution(request)
        return answer.execution_id, answer.started

    for number in range(10):
        answers = await asyncio.gather(*(start(served, f"r{number}") for served in both * 2))
        assert len({execution_id for execution_id, _ in answers}) == 1
        assert sorted(started for _, started in answers) == [False, False, False, True]
    assert len(await family(both[0])) == 10


async def test_one_id_at_both_at_once_is_given_once(both: tuple[Served, Served]) -> None:
    await both[0].register(flow(listen()))
    for number in range(10):
        wanted = f"order-{number}"
        answers = await asyncio.gather(*(attempt(served.start(id=wanted)) for served in both))
        refusals = [answer for answer in answers if isinstance(answer, Refusal)]
        assert [refusal.what for refusal in refusals] == [EXISTS]
        assert wanted in answers


async def test_batches_with_the_same_ids_in_opposite_order_start_each_once(
    both: tuple[Served, Served],
) -> None:
    await both[0].register(flow(listen()))
    requests = [
        pb.StartExecutionRequest(workflow="flow", request_id=f"r{number}") for number in range(50)
    ]
    answers = await asyncio.gather(
        both[0].executions.StartExecutions(pb.StartExecutionsRequest(requests=requests)),
        both[1].executions.StartExecutions(pb.StartExecutionsRequest(requests=requests[::-1])),
    )
    started = [result.started.started for answer in answers for result in answer.results]
    assert sorted(started) == [False] * 50 + [True] * 50
    assert len(await family(both[1])) == 50


async def test_a_child_ends_at_another_server_than_its_parent_and_the_parent_goes_on(
    both: tuple[Served, Served],
) -> None:
    one, other = both
    await one.register(flow(listen(), name="child"))
    await one.register(flow(spawn("spawn", "work"), work()))
    parent = await one.start()
    [child] = await family(other, parent)
    await one.get(parent)
    await other.signal(child.id)
    [task] = await one.poll(20)
    assert task.execution_id == parent


async def test_a_parent_canceled_at_one_server_cancels_its_child_at_the_other(
    both: tuple[Served, Served],
) -> None:
    one, other = both
    await one.register(flow(listen(), name="child"))
    await one.register(flow(spawn()))
    parent = await one.start()
    [child] = await family(other, parent)
    await other.pause(child.id)
    await one.cancel(parent)
    closed = await other.get(child.id)
    assert closed.status == execution_pb2.EXECUTION_STATUS_CANCELED


async def test_a_child_of_a_version_just_registered_elsewhere(both: tuple[Served, Served]) -> None:
    one, other = both
    await one.register(flow(listen(), name="child"))
    await one.register(flow(spawn()))
    await one.start()
    await other.register(flow(work(), name="child"))
    parent = await one.start()
    [child] = await family(one, parent)
    assert child.version == 2
