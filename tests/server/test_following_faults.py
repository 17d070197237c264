"""Faults while a turn decides what follows for other executions: nothing is half stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from grpc import StatusCode

from branchline.engine import ChildBegan, ChildClosed
from branchline.server.runtime import decisions
from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.server.door import Door
from tests.server.flows import flow, listen, sleep, spawn, work
from tests.server.refusals import refused
from tests.server.serving import Served, serving
from tests.server.worker import completed

UNAVAILABLE = (StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
INTERNAL = (StatusCode.INTERNAL, "INTERNAL")
COMPLETED = execution_pb2.EXECUTION_STATUS_COMPLETED


@pytest.fixture
def commits(door: Callable[[str], Door]) -> Door:
    """The door before every commit."""
    return door("commit")


class Fault:
    """Has the engine fall over one kind of command, half-way, so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kind: type, times: int = 1) -> None:
        self.times = times
        real = decisions.decide  # type: ignore[attr-defined]  # its own name of it

        def decide(plan: object, state: object, command: object, *rest: object) -> object:
            events = real(plan, state, command, *rest)  # type: ignore[arg-type]  # as they came
            if isinstance(command, kind) and self.times:
                self.times -= 1
                raise ZeroDivisionError
            return events

        monkeypatch.setattr(decisions, "decide", decide)


async def children(served: Served, parent: str = "") -> list[str]:
    """The ids of all executions, or of the children of one."""
    request = pb.ListExecutionsRequest(filter=pb.ExecutionFilter(parent=parent))
    return [item.id for item in (await served.executions.ListExecutions(request)).executions]


async def test_a_fault_at_the_start_of_a_child_refuses_its_parents_caller(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await served.register(flow(listen(), name="child"))
    await served.register(flow(spawn()))
    Fault(monkeypatch, ChildBegan)
    assert (await refused(served.start(id="a"))).what == INTERNAL
    assert await children(served) == []
    await served.start(id="a")
    assert len(await children(served)) == 2


async def test_a_fault_at_the_end_of_a_child_refuses_whoever_ends_it(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await served.register(flow(listen(), name="child"))
    await served.register(flow(spawn()))
    execution_id = await served.start()
    [child] = await children(served, execution_id)
    before = await served.events(child)
    Fault(monkeypatch, ChildClosed)
    assert (await refused(served.signal(child))).what == INTERNAL
    assert await served.events(child) == before
    await served.signal(child)
    assert (await served.closed(execution_id)).status == COMPLETED


async def test_a_fault_refuses_its_own_request_and_spares_the_others(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the same turn are told to come again."""
    await served.register(flow(work(), name="child"))
    await served.register(flow(spawn()))
    execution_id = await served.start()
    other_id = await served.start(workflow="child")
    worker = await served.worker()
    child, other = await worker.tasks(2)
    Fault(monkeypatch, ChildClosed)
    await worker.send(outcomes=(completed(child), completed(other)))
    reasons = {(ack.token, ack.reason) for ack in [await worker.ack(), await worker.ack()]}
    assert reasons == {(child.token, "INTERNAL"), (other.token, "STORE_UNAVAILABLE")}
    await worker.complete(other)
    assert (await worker.ack()).accepted
    await served.closed(other_id)
    await worker.complete(await worker.task())
    await served.closed(execution_id)


async def test_a_worker_whose_outcome_a_fault_refuses_is_told_once_and_the_task_comes_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await served.register(flow(work(), name="child"))
    await served.register(flow(spawn()))
    execution_id = await served.start()
    Fault(monkeypatch, ChildClosed)
    worker = await served.worker()
    await worker.complete(await worker.task())
    ack = await worker.ack()
    assert (ack.accepted, ack.reason) == (False, "INTERNAL")
    again = await worker.task()
    assert again.delivery == 2
    await worker.complete(again)
    assert (await worker.ack()).accepted  # the next answer is this one
    assert (await served.closed(execution_id)).status == COMPLETED


async def test_what_is_due_is_woken_again_after_a_fault(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await served.register(flow(sleep(span=0.01), name="child"))
    await served.register(flow(spawn()))
    fault = Fault(monkeypatch, ChildClosed)
    assert (await served.closed(await served.start())).status == COMPLETED
    assert not fault.times


@pytest.mark.parametrize("method", ["executions_by_id", "histories", "snapshots"])
async def test_a_parent_that_cannot_be_read_now_keeps_its_child_from_ending(
    path: Path, door: Callable[[str], Door], method: str
) -> None:
    async with serving(path, cached_dormant=1) as served:
        await served.register(flow(listen(), name="child"))
        await served.register(flow(spawn()))
        execution_id = await served.start()
        [child] = await children(served, execution_id)
        await served.get(child)  # the parent has left the memory
        before = await served.events(child)
        reads = door(method)
        reads.fail(1)
        assert (await refused(served.signal(child))).what == UNAVAILABLE
        assert await served.events(child) == before
        await served.signal(child)
        assert (await served.closed(execution_id)).status == COMPLETED


async def test_a_workflow_that_cannot_be_read_now_is_no_unknown_one(
    path: Path, door: Callable[[str], Door]
) -> None:
    async with serving(path) as served:
        await served.register(flow(listen(), name="child"))
        await served.register(flow(listen("listen", "spawn"), spawn()))
        execution_id = await served.start()
    async with serving(path) as served:
        await served.get(execution_id)
        before = await served.events(execution_id)
        await served.start()
        reads = door("workflow")
        reads.fail(1)
        assert (await refused(served.signal(execution_id))).what == UNAVAILABLE
        assert await served.events(execution_id) == before
        await served.signal(execution_id)
        assert len(await children(served, execution_id)) == 1


async def test_children_left_for_the_next_turn_survive_a_failing_database(
    served: Served, commits: Door
) -> None:
    await served.register(flow(listen(), name="child"))
    await served.register(flow(spawn(items="inputs.all", wait=False), inputs=["all"]))
    commits.shut()
    starting = asyncio.ensure_future(served.start({"all": [*range(2500)]}))
    await commits.knocked.wait()
    commits.fail(1)  # what comes after the start
    commits.let_in()
    execution_id = await starting
    assert (await served.closed(execution_id)).status == COMPLETED
    assert not commits.failing
    assert await started(served, execution_id) == 2500


async def test_children_that_a_stop_has_left_are_started_after_it(path: Path) -> None:
    async with serving(path) as served:
        await served.register(flow(listen(), name="child"))
        await served.register(flow(spawn(items="inputs.all"), inputs=["all"]))
        execution_id = await served.start({"all": [*range(2500)]})
    async with serving(path) as served:
        status = execution_pb2.EXECUTION_STATUS_SUSPENDED
        while await started(served, execution_id) < 2500:
            pass
        assert (await served.get(execution_id)).status == status


async def started(served: Served, parent: str) -> int:
    """How many children an execution has."""
    request = pb.CountExecutionsRequest(filter=pb.ExecutionFilter(parent=parent))
    return (await served.executions.CountExecutions(request)).total
