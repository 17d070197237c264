"""A crowd at a server, in a process of its own: workers, watchers, and some who never read.

They speak the protocol without the SDK, so that a thousand of them leave the machine to the server.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING

import grpc
import uvloop

from branchline.v1 import execution_service_pb2 as executions_pb
from branchline.v1 import task_pb2
from branchline.v1 import task_service_pb2 as tasks_pb
from branchline.v1.execution_service_pb2_grpc import ExecutionServiceStub
from branchline.v1.task_service_pb2_grpc import TaskServiceStub

if TYPE_CHECKING:  # the stubs' types are not there at run time
    from branchline.v1.execution_service_pb2_grpc import ExecutionServiceAsyncStub
    from branchline.v1.task_service_pb2_grpc import TaskServiceAsyncStub

DEAF = "deaf"
"""The task queue of the worker that never reads."""
_SIGN_OF_LIFE = 3.0
_ROOM = 10
_DEAF_ROOM = 1_000
_FLOOD = 500
"""How many outcomes the deaf worker reports in one message."""


@dataclass
class Crowd:
    """Who comes."""

    address: str
    connections: int
    workers: int
    watched: Sequence[str]
    """The executions that are watched, one by each watcher."""
    unread: str
    """The execution whose watcher never reads."""


@contextmanager
def guests(crowd: Crowd) -> Iterator[None]:
    """A crowd that is there while the context lasts."""
    command = [sys.executable, __file__]
    process = subprocess.Popen(  # noqa: S603 - this very program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    if process.stdin is None or process.stdout is None:
        raise SystemExit("the guests have no pipes")
    process.stdin.write(json.dumps(asdict(crowd)).encode() + b"\n")
    process.stdin.flush()
    if process.stdout.readline() != b"ready\n":
        raise SystemExit("the guests did not come")
    try:
        yield
    finally:
        process.kill()
        process.wait()


class _Arrivals:
    """Counts who has been answered."""

    def __init__(self, expected: int) -> None:
        self._missing = expected
        self.all_there = asyncio.Event()

    def arrive(self) -> None:
        self._missing -= 1
        if self._missing <= 0:
            self.all_there.set()


async def _work(stub: TaskServiceAsyncStub, worker_id: str, arrivals: _Arrivals) -> None:
    call = stub.StreamTasks()
    writing = asyncio.Lock()
    await call.write(_hello(worker_id, "", _ROOM))

    async def live() -> None:
        while True:
            await asyncio.sleep(_SIGN_OF_LIFE)
            async with writing:
                await call.write(tasks_pb.StreamTasksRequest())

    living = asyncio.create_task(live())
    async for message in call:
        if message.HasField("welcome"):
            arrivals.arrive()
        if message.tasks:
            async with writing:
                await call.write(_done(message.tasks))
    living.cancel()


async def _watch(stub: ExecutionServiceAsyncStub, execution_id: str, arrivals: _Arrivals) -> None:
    first = True
    async for _ in stub.WatchExecution(_watching(execution_id)):
        if first:
            arrivals.arrive()
        first = False


async def _flood(stub: TaskServiceAsyncStub) -> None:
    """Read one task and then nothing, but report it over and over."""
    call = stub.StreamTasks()
    await call.write(_hello("deaf", DEAF, _DEAF_ROOM))
    report = _done([await _first_task(call)] * _FLOOD)
    while True:
        await call.write(report)
        await asyncio.sleep(0.01)


async def _first_task(told: AsyncIterable[tasks_pb.StreamTasksResponse]) -> task_pb2.Task:
    async for response in told:
        for task in response.tasks:
            return task
    raise SystemExit("a worker's stream has ended")


def _hello(worker_id: str, queue: str, room: int) -> tasks_pb.StreamTasksRequest:
    hello = tasks_pb.WorkerHello(
        worker_id=worker_id, task_queue=queue, activities=["work"], max_tasks=room
    )
    return tasks_pb.StreamTasksRequest(hello=hello)


def _done(tasks: Sequence[task_pb2.Task]) -> tasks_pb.StreamTasksRequest:
    result = task_pb2.TaskResult(result_json="1")
    outcomes = [task_pb2.TaskOutcome(token=task.token, completed=result) for task in tasks]
    return tasks_pb.StreamTasksRequest(outcomes=outcomes)


def _watching(execution_id: str) -> executions_pb.WatchExecutionRequest:
    return executions_pb.WatchExecutionRequest(execution_id=execution_id)


def channels(address: str, number: int) -> Iterator[grpc.aio.Channel]:
    """Connections of their own."""
    for _ in range(number):
        options = [("grpc.use_local_subchannel_pool", 1)]
        yield grpc.aio.insecure_channel(address, options=options)


async def _come(crowd: Crowd) -> None:
    connections = cycle(list(channels(crowd.address, crowd.connections)))
    arrivals = _Arrivals(crowd.workers + len(crowd.watched))
    # Whoever is turned away ends the whole crowd, with an error.
    async with asyncio.TaskGroup() as group:
        for number, channel in enumerate(islice(connections, crowd.workers)):
            group.create_task(_work(TaskServiceStub(channel), f"guest-{number}", arrivals))
        for watched in crowd.watched:
            stub = ExecutionServiceStub(next(connections))
            group.create_task(_watch(stub, watched, arrivals))
        await arrivals.all_there.wait()
        alone, other = channels(crowd.address, 2)
        unread = ExecutionServiceStub(alone).WatchExecution(_watching(crowd.unread))
        group.create_task(_flood(TaskServiceStub(other)))
        print("ready", flush=True)
        await asyncio.Event().wait()
        del unread


def main() -> None:
    """Come, and stay until this is killed."""
    crowd = Crowd(**json.loads(sys.stdin.readline()))
    uvloop.run(_come(crowd))


if __name__ == "__main__":
    main()
