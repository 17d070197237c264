"""A real server process that is killed, or told to stop, while a worker is at work."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc import StatusCode

from branchline.v1 import execution_pb2, task_pb2
from tests.server.flows import flow, work
from tests.server.serving import Served, connected
from tests.server.worker import Worker

pytestmark = pytest.mark.system

ITEMS = 30
SERVER = "import sys; from branchline.server.commands import server; sys.exit(server(sys.argv[1:]))"


@pytest.fixture
def port() -> int:
    """A port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


@contextmanager
def server(tmp_path: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server process on a file, with leases of a second."""
    command = [sys.executable, "-c", SERVER, "--lease", "1", "--shutdown-grace", "5"]
    command += ["--database", f"sqlite:///{tmp_path}/branchline.db"]
    with (tmp_path / "log").open("ab") as log:
        process = subprocess.Popen([*command, "--listen", f"127.0.0.1:{port}"], stderr=log)
        with process:
            try:
                yield process
            finally:
                process.kill()


async def until_serving(served: Served, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers."""
    while process.poll() is None:
        try:
            await served.get("nobody")
        except grpc.aio.AioRpcError as error:
            if error.code() is StatusCode.NOT_FOUND:
                return
            await served.channel.channel_ready()
    pytest.fail("the server has ended")


class Diary:
    """What a worker has seen."""

    def __init__(self) -> None:
        self.delivered: list[int] = []
        self.acknowledged: list[int] = []
        self.held: dict[str, task_pb2.Task] = {}
        """Tasks without an acknowledgement, by their tokens."""

    async def work(self, worker: Worker, until: int) -> None:
        """Do tasks, one after the other, until so many are acknowledged."""
        for task in self.held.values():
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
        assert ack.accepted, ack
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
