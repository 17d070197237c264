"""A real server whose wall clock is set while it works (semantics 7.3, 8.3, 8.5, 10.2, 10.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from branchline.v1 import execution_pb2, task_pb2, workflow_pb2
from branchline.v1 import task_service_pb2 as tasks_pb
from tests.postgres import new_database
from tests.server.flows import flow, listen, seconds, sleep, work
from tests.server.serving import Served, connected
from tests.server.worker import completed, failed
from tests.system.processes import free_port, server, until_serving
from tests.system.wall_clock import WallClock

pytestmark = pytest.mark.system

HOUR = 3600
LEASE = 1
HALF_AN_HOUR = 1800
COMPLETED = execution_pb2.EXECUTION_STATUS_COMPLETED
SUSPENDED = execution_pb2.EXECUTION_STATUS_SUSPENDED
RUNNING = execution_pb2.EXECUTION_STATUS_RUNNING


@pytest.fixture
def wall(tmp_path: Path) -> WallClock:
    return WallClock(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            yield f"sqlite:///{tmp_path}/branchline.db"
        else:
            yield await stack.enter_async_context(new_database())


def half_an_hour(step: workflow_pb2.Step, *limits: str) -> workflow_pb2.Step:
    """A step with time limits of that length."""
    for limit in limits:
        getattr(step, limit).CopyFrom(seconds(HALF_AN_HOUR))
    return step


def retried() -> workflow_pb2.Step:
    """A step that waits half an hour between two attempts."""
    step = work("brittle")
    step.retry.add(max_retries=1).base_delay.CopyFrom(seconds(HALF_AN_HOUR))
    return step


async def register(served: Served) -> None:
    """Workflows in all of which something is due within half an hour, and one that is quick."""
    limited = half_an_hour(work(), "timeout", "heartbeat_timeout", "schedule_timeout")
    for name, step in {
        "nap": sleep(span=HALF_AN_HOUR),
        "listen": listen(wait=HALF_AN_HOUR),
        "work": limited,
        "wait": half_an_hour(work("nobody"), "schedule_timeout"),
        "brittle": retried(),
        "quick": sleep(span=0.3),
    }.items():
        await served.register(flow(step, name=name))
    await served.register(flow(listen(), name="limited", timeout=float(HALF_AN_HOUR)))


class Household:
    """Executions of all kinds, and workers with tasks in hand, one with a stream, one without."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._ids: dict[str, str] = {}

    async def start(self) -> None:
        """Start everything, and take the tasks."""
        await register(self._served)
        for kind in ("nap", "listen", "limited", "wait", "brittle", "work"):
            self._ids[kind] = await self._served.start(workflow=kind)
        self._worker = await self._served.worker("work", "brittle", max_tasks=2)
        tasks = {task.activity: task for task in await self._worker.tasks(2)}
        self._streamed = tasks["work"]
        await self._served.start(workflow="work")
        [self._polled] = await self._served.poll(20)
        await self._worker.send(outcomes=(failed(tasks["brittle"]),))
        assert (await self._worker.ack()).accepted

    async def live_on(self) -> None:
        """Nothing that is due in half an hour has happened for longer than a lease."""
        beat = tasks_pb.ReportTasksRequest(
            heartbeats=[task_pb2.TaskHeartbeat(token=self._polled.token)]
        )
        for _ in range(round(LEASE * 1.5 / 0.25)):
            await asyncio.sleep(0.25)
            await self._worker.send()
            await self._served.tasks.ReportTasks(beat)
        quick = await self._served.start(workflow="quick")
        assert (await self._served.closed(quick)).status == COMPLETED
        for kind in ("nap", "listen", "limited"):
            assert (await self._served.get(self._ids[kind])).status == SUSPENDED, kind
        for kind in ("wait", "brittle", "work"):
            assert (await self._served.get(self._ids[kind])).status == RUNNING, kind

    async def end(self) -> None:
        """The tasks are still in their workers' hands, and their outcomes are taken."""
        assert self._worker.waiting == 0
        await self._worker.complete(self._streamed)
        assert (await self._worker.ack()).accepted
        assert (await self._served.closed(self._ids["work"])).status == COMPLETED
        [ack] = await self._served.report(completed(self._polled))
        assert ack.accepted


@pytest.mark.parametrize("by", [HOUR, -HOUR])
async def test_a_clock_that_is_set_wakes_nobody_early_and_ends_no_lease_or_attempt(
    tmp_path: Path, database: str, wall: WallClock, by: int
) -> None:
    """There and back."""
    port = free_port()
    environment = wall.environment
    async with connected(port) as served:
        with server(
            tmp_path, port, lease=LEASE, database=database, environment=environment
        ) as process:
            await until_serving(served, process)
            household = Household(served)
            await household.start()
            for offset in (by, -by):
                wall.set(offset)
                await household.live_on()
            await household.end()


async def test_a_server_that_starts_believes_its_machines_clock(
    tmp_path: Path, wall: WallClock
) -> None:
    """What was due meanwhile by that clock happens; set back, everything waits the longer."""
    port = free_port()
    ids: list[str] = []
    async with connected(port) as served:
        for by in (0, -HOUR, HOUR):
            wall.set(by)
            with server(tmp_path, port, environment=wall.environment) as process:
                await until_serving(served, process)
                if not ids:
                    await served.register(flow(sleep(span=HALF_AN_HOUR)))
                    ids.append(await served.start())
                if by == HOUR:
                    assert (await served.closed(ids[0])).status == COMPLETED
                else:
                    assert (await served.get(ids[0])).status == SUSPENDED
                    ids.append(await served.start())
