"""A real server process that is killed, or told to stop, while a worker is at work."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest
from grpc import StatusCode

from branchline.v1 import execution_pb2, task_pb2
from tests.server.flows import flow, work
from tests.server.serving import connected
from tests.server.worker import Worker
from tests.system.processes import free_port, server, until_serving

pytestmark = pytest.mark.system

ITEMS = 30


@pytest.fixture
def port() -> int:
    """A port that is free."""
    return free_port()


class Diary:
    """What a worker has seen."""

    def __init__(self) -> None:
        self.delivered: list[int] = []
        self.acknowledged: list[int] = []
        self.held: dict[str, task_pb2.Task] = {}
        """Tasks without an acknowledgement, by their tokens."""
        self._repeated: set[str] = set()

    async def work(self, worker: Worker, until: int) -> None:
        """Do tasks, one after the other, until so many are acknowledged."""
        for token, task in self.held.items():
            self._repeated.add(token)
            await worker.complete(task, result=task.item)
        while len(self.acknowledged) < until:
            await self._next(worker)

    async def _next(self, worker: Worker) -> None:
        while worker.waiting or not self.held:
            task = await worker.task()
            self.delivered.append(task.item)
            self.held[task.token] = task
            await worker.complete(task, result=task.item)
        ack = await worker.ack()
        task = self.held.pop(ack.token)
        # What was stored while its acknowledgement was lost has an outcome already.
        assert ack.accepted or (ack.reason == "LEASE_LOST" and ack.token in self._repeated)
        self.acknowledged.append(task.item)


async def test_a_killed_server_goes_on_and_repeats_nothing_that_it_acknowledged(
    tmp_path: Path, port: int
) -> None:
    diary = Diary()
    async with connected(port) as served:
        with server(tmp_path, port) as process:
            await until_serving(served, process)
            await served.register(
                flow(work("work", items=list(range(ITEMS)), store="all"), outputs=["all"])
            )
            execution_id = await served.start()
            worker = await served.worker(max_tasks=3)
            await diary.work(worker, until=ITEMS // 3)
            process.send_signal(signal.SIGKILL)
            assert await worker.end() is not None
        before = set(diary.acknowledged)
        diary.delivered.clear()
        with server(tmp_path, port) as process:
            await until_serving(served, process)
            worker = await served.worker(max_tasks=3, held=tuple(diary.held))
            await diary.work(worker, until=ITEMS)
            execution = await served.closed(execution_id)
    assert execution.status == execution_pb2.EXECUTION_STATUS_COMPLETED
    assert json.loads(execution.outputs_json) == {"all": list(range(ITEMS))}
    assert not before & set(diary.delivered)
    assert sorted(diary.acknowledged) == list(range(ITEMS))


async def test_a_server_that_is_told_to_stop_ends_its_streams_and_itself(
    tmp_path: Path, port: int
) -> None:
    async with connected(port) as served:
        with server(tmp_path, port) as process:
            await until_serving(served, process)
            worker = await served.worker()
            process.send_signal(signal.SIGTERM)
            end = await worker.end()
            assert end is not None
            assert end.what == (StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
            assert await asyncio.to_thread(process.wait, 5) == 0
