"""Closed executions go when their time is over: those, whole, and no others."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from grpc import StatusCode

from branchline.server.errors import ServiceError
from branchline.server.retention_rules import read_rules
from branchline.server.settings import InvalidSetting, Settings
from branchline.server.storage import Batch, Store, TaskRow
from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.server.clocks import HandClock
from tests.server.door import Door
from tests.server.families import family, got
from tests.server.flows import flow, listen, spawn, work
from tests.server.refusals import refused
from tests.server.serving import SUITE, Served, serving
from tests.server.worker import failed

GONE = (StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")


def rows(path: Path) -> dict[str, int]:
    """How many rows the tables of executions have."""
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("executions", "labels", "history", "snapshots", "tasks")
        }


async def ids(served: Served) -> set[str]:
    """The executions that are there."""
    return {execution.id for execution in await family(served)}


async def test_what_has_been_closed_for_the_time_goes_and_nothing_else(
    path: Path, clock: HandClock
) -> None:
    async with serving(path, clock, retention="1h") as served:
        await served.register(flow(listen(wait=1e6)))
        old, young, live = [await served.start() for _ in range(3)]
        await served.signal(old)
        clock.move(60)
        await served.signal(young)
        clock.move(3_540)
        assert await served.expire() == 0
        clock.move(1)
        assert await served.expire() == 1
        assert await ids(served) == {young, live}
        assert (await refused(served.get(old))).what == GONE
        clock.move(10 * 3_600)
        assert await served.expire() == 1
        assert await ids(served) == {live}
        await served.signal(live)
        assert (await served.closed(live)).status == execution_pb2.EXECUTION_STATUS_COMPLETED


async def test_by_default_nothing_goes(path: Path, clock: HandClock) -> None:
    async with serving(path, clock) as served:
        await served.register(flow(listen(wait=1e6)))
        execution_id = await served.start()
        await served.cancel(execution_id)
        clock.move(100 * 365 * 86_400)
        assert await served.expire() == 0
        assert await ids(served) == {execution_id}


async def test_a_workflow_may_have_a_time_of_its_own(path: Path, clock: HandClock) -> None:
    rules = {"retention": "1d", "retention_workflows": "brief=1m, kept=off"}
    async with serving(path, clock, **rules) as served:
        started = {}
        for name in ("brief", "kept", "other"):
            await served.register(flow(listen(), name=name))
            started[name] = await served.start(workflow=name)
            await served.signal(started[name])
        clock.move(61)
        assert await served.expire() == 1
        assert await ids(served) == {started["kept"], started["other"]}
        clock.move(365 * 86_400)
        assert await served.expire() == 1
        assert await ids(served) == {started["kept"]}


@pytest.mark.skipif(os.environ.get(SUITE) == "postgresql", reason="it looks into the file")
async def test_nothing_of_an_execution_is_left(path: Path, clock: HandClock) -> None:
    async with serving(path, clock, retention="1s") as served:
        await served.register(flow(listen(wait=1e6)))
        execution_id = await served.start(labels={"colour": "red"}, request_id="r1")
        await served.cancel(execution_id)
        clock.move(2)
        assert await served.expire() == 1
        request = pb.ListExecutionsRequest(filter=pb.ExecutionFilter(labels={"colour": "red"}))
        assert list((await served.executions.ListExecutions(request)).executions) == []
    # A server that stops empties its log into the file.
    assert rows(path) == {"executions": 0, "labels": 0, "history": 0, "snapshots": 0, "tasks": 0}
    async with serving(path, clock) as served:
        assert await served.start(request_id="r1") != execution_id


@pytest.mark.parametrize("closes_again", [False, True])
async def test_one_that_was_taken_up_again_stays(
    path: Path, clock: HandClock, door: Callable[[str], Door], *, closes_again: bool
) -> None:
    """Even if the retry is stored only after the removal has found it closed."""
    commits, finds = door("commit"), door("closed_before")
    async with serving(path, clock, retention="1h") as served:
        await served.register(flow(work()))
        execution_id = await served.start()
        [task] = await served.poll(20)
        await served.report(failed(task))
        await served.closed(execution_id)
        clock.move(3_601)
        commits.shut()
        retry = asyncio.create_task(served.retry(execution_id))
        await commits.knocked.wait()
        calls = [asyncio.create_task(served.cancel(execution_id))] if closes_again else []
        finds.shut()
        removal = asyncio.ensure_future(served.expire())
        await finds.knocked.wait()
        finds.let_in()
        commits.let_in()
        await asyncio.gather(retry, *calls)
        assert await removal == 0
        assert await ids(served) == {execution_id}


async def test_a_watcher_is_told(path: Path, clock: HandClock, door: Callable[[str], Door]) -> None:
    reads = door("history")
    async with serving(path, clock, retention="1h") as served:
        await served.register(flow(listen(wait=1e6)))
        execution_id = await served.start()
        await served.signal(execution_id)
        clock.move(3_601)
        reads.shut()
        request = pb.WatchExecutionRequest(execution_id=execution_id)
        watch = served.executions.WatchExecution(request)
        told = asyncio.create_task(refused(anext(aiter(watch))))
        await reads.knocked.wait()
        assert await served.expire() == 1
        reads.let_in()
        assert (await asyncio.wait_for(told, 20)).what == GONE


async def test_a_child_goes_without_its_parent_that_waits_for_others(
    path: Path, clock: HandClock
) -> None:
    """Its result is the parent's by then: nobody waits for what has closed."""
    async with serving(path, clock, retention="1h") as served:
        await served.register(flow(listen(wait=1e6), name="child"))
        await served.register(flow(spawn(items=[1, 2])))
        parent = await served.start()
        first, second = await family(served, parent)
        await served.signal(first.id)
        clock.move(3_601)
        assert await served.expire() == 1
        assert await ids(served) == {parent, second.id}
    async with serving(path, clock, retention="1h") as served:
        await served.signal(second.id)
        results = got(await served.closed(parent))
        assert [result["execution_id"] for result in results] == [first.id, second.id]
        assert [result["status"] for result in results] == ["COMPLETED", "COMPLETED"]


async def test_a_parent_goes_and_its_children_live_on(path: Path, clock: HandClock) -> None:
    async with serving(path, clock, retention="1h") as served:
        await served.register(flow(listen(wait=1e6), name="child"))
        await served.register(flow(spawn(wait=False)))
        parent = await served.start()
        [child] = await family(served, parent)
        await served.closed(parent)
        clock.move(3_601)
        assert await served.expire() == 1
        assert (await refused(served.get(parent))).what == GONE
        await served.signal(child.id)
        closed = await served.closed(child.id)
        assert closed.status == execution_pb2.EXECUTION_STATUS_COMPLETED
        assert closed.parent == parent


async def test_many_go_in_commits_of_bounded_size_the_oldest_first(
    path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    gone: list[int] = []
    real = Store.commit

    async def commit(store: Store, batch: Batch) -> list[TaskRow]:
        if batch.deleted:
            sizes.append(len(batch.deleted))
            gone.extend(batch.deleted)
        return await real(store, batch)

    async with serving(path, clock, retention="1h") as served:
        await served.register(flow(listen(wait=1e6)))
        requests = [pb.StartExecutionRequest(workflow="flow") for _ in range(250)]
        many = pb.StartExecutionsRequest(requests=requests)
        await served.executions.StartExecutions(many)
        started = [execution.id for execution in await family(served)]
        for half in (started[125:], started[:125]):
            await asyncio.gather(*map(served.cancel, half))
            clock.move(1)
        monkeypatch.setattr(Store, "commit", commit)
        clock.move(3_600)
        assert await served.expire() == 250
        assert await ids(served) == set()
    assert sum(sizes) == 250
    assert max(sizes) <= 100
    assert min(gone[:125]) > max(gone[125:])


async def test_a_removal_that_fails_is_made_good_by_the_next(
    path: Path, clock: HandClock, door: Callable[[str], Door]
) -> None:
    commits = door("commit")
    async with serving(path, clock, retention="1h") as served:
        await served.register(flow(listen(wait=1e6)))
        execution_id = await served.start()
        await served.cancel(execution_id)
        clock.move(3_601)
        commits.fail(1)
        with pytest.raises(ServiceError, match="disk is full"):
            await served.expire()
        assert await ids(served) == {execution_id}
        assert await served.expire() == 1
        assert await ids(served) == set()


async def test_a_server_looks_by_itself(path: Path, clock: HandClock) -> None:
    async with serving(path, clock) as served:
        await served.register(flow(listen(wait=1e6)))
        execution_id = await served.start()
        await served.cancel(execution_id)
    clock.move(61)
    async with serving(path, clock, retention="1m") as served:
        while execution_id in await ids(served):  # noqa: ASYNC110 - each look is a call
            await asyncio.sleep(0)


def test_times_have_units() -> None:
    rules = read_rules("1.5h", "a=90,b=2m,c=3d,d=1w,e=off,x=y=7s")
    assert rules.of("other") == 5_400_000_000
    spans = [rules.of(name) for name in ("a", "b", "c", "d", "e", "x=y")]
    assert spans == [90_000_000, 120_000_000, 259_200_000_000, 604_800_000_000, None, 7_000_000]
    assert not read_rules("off", "none")
    assert not read_rules("off", "a=off")
    assert read_rules("off", "a=1s")


@pytest.mark.parametrize("text", ["", "0", "0d", "-1d", "soon", "1y", "1 d", "nan", "1e9"])
def test_a_time_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidSetting, match="retention must be like 30d"):
        Settings(retention=text)
    with pytest.raises(InvalidSetting, match="retention_workflows of order must be like 30d"):
        Settings(retention_workflows=f"order={text}")


@pytest.mark.parametrize("text", ["order", "=7d", "a=1d,order"])
def test_what_is_no_list_of_workflows_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidSetting, match="retention_workflows must be like order=7d"):
        Settings(retention_workflows=text)
    with pytest.raises(InvalidSetting, match="names the workflow order twice"):
        Settings(retention_workflows="order=7d,order=8d")
