"""Several servers on one PostgreSQL, one of which is killed: what it had goes on elsewhere."""

from __future__ import annotations

import asyncio
import signal
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import grpc
from guests import channels
from measuring import Figure
from processes import free_port, launch, wait_for

from branchline.client import Client, Execution
from branchline.v1 import task_pb2
from branchline.v1 import task_service_pb2 as pb
from branchline.v1.task_service_pb2_grpc import TaskServiceStub

if TYPE_CHECKING:  # the stub's type is not there at run time
    from branchline.v1.task_service_pb2_grpc import TaskServiceAsyncStub

_PATIENCE = 60.0
_EACH = 20
"""Executions of each kind that the dead server has."""
_FIRST_DUE = 4.0
"""Seconds from the start of the first sleeper until it is due; everything is ready by then."""
_NAPS = 60
_APART = 0.2
"""Seconds between two due times: they are due until twelve seconds after the death."""
_PAUSE = 0.02


class Crowd:
    """Servers on one database, each at an address that it keeps."""

    def __init__(self, url: Path | str, number: int) -> None:
        self._url = url
        self._ports = [free_port() for _ in range(number)]
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * number

    @property
    def addresses(self) -> list[str]:
        """Where they serve."""
        return [f"127.0.0.1:{port}" for port in self._ports]

    def start(self, place: int) -> None:
        """Start one; it serves when this returns."""
        process = launch(self._url, self._ports[place])
        self._processes[place] = process
        wait_for(self._ports[place], process)

    def kill(self, place: int) -> None:
        """End one as a power cut would."""
        self._end(place, signal.SIGKILL)

    def stop(self, place: int) -> None:
        """End one in order."""
        code = self._end(place, signal.SIGTERM)
        if code:
            raise SystemExit(f"a server that was stopped ended with {code}")

    def _end(self, place: int, number: signal.Signals) -> int:
        process, self._processes[place] = self._processes[place], None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(_PATIENCE)


@contextmanager
def crowd(url: Path | str, number: int) -> Iterator[Crowd]:
    """So many servers that serve."""
    servers = Crowd(url, number)
    try:
        for place in range(number):
            servers.start(place)
        yield servers
    finally:
        for place in range(number):
            servers.stop(place)


def all_of(addresses: Sequence[str], first: int = 0) -> str:
    """One address that names several: gRPC goes to the first that answers."""
    return "ipv4:" + ",".join([*addresses[first:], *addresses[:first]])


class Widow(NamedTuple):
    """How long after the death what the dead server had went on, seconds."""

    command: float
    """A signal to an execution that it had in memory, sent to another server."""
    waiting: float
    """A task that waited, delivered by another server."""
    outcome: float
    """The outcome of a task that a worker had from it, reported to another server."""
    timers: float
    """A due time, from when it was due."""
    orphans: float
    """A task whose worker died with it, delivered to another worker."""


async def die(servers: Crowd, place: int) -> Widow:
    """Kill a server that has work of every kind; the longest of each."""
    dying, other = servers.addresses[place], servers.addresses[place - 1]
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(Client(dying))
        there = await stack.enter_async_context(Client(other))
        [channel, elsewhere] = chain(channels(dying, 1), channels(other, 1))
        stack.push_async_callback(channel.close)
        stack.push_async_callback(elsewhere.close)
        naps = [await _start(here, _nap(_FIRST_DUE + _APART * n)) for n in range(_NAPS)]
        ready = time.monotonic() + _FIRST_DUE - _APART * 2
        listeners = [await _start(here, _LISTEN) for _ in range(_EACH)]
        # Names of its own: what an earlier death has left must not be taken for this one's.
        lost, held, free = (f"{kind} {uuid4().hex}" for kind in ("lost", "held", "free"))
        for activity in (lost, held, free):
            for _ in range(_EACH):
                await _start(here, _work(activity))
        own = TaskServiceStub(channel)
        await _poll(own, "dies too", lost)
        kept = await _poll(own, "lives on", held)
        await asyncio.sleep(max(ready - time.monotonic(), 0))
        await asyncio.to_thread(servers.kill, place)
        death = time.monotonic()
        stub = TaskServiceStub(elsewhere)
        command, waiting, outcome, timers, orphans = await asyncio.gather(
            _since(death, *(_signal(there, each.id) for each in listeners)),
            _since(death, _poll(stub, "free", free)),
            _since(death, *(_report(stub, task) for task in kept)),
            _latest(there, naps),
            _since(death, _poll(stub, "heir", lost)),
        )
    return Widow(command, waiting, outcome, timers, orphans)


def figures(widows: Sequence[Widow]) -> list[Figure]:
    """The median of several deaths, and the worst."""
    names = {
        "command": "a signal to an execution of its, sent to another server",
        "waiting": "a task that waited, delivered by another server",
        "outcome": "an outcome of a task of its, taken by another server",
        "timers": "a due time, late by",
        "orphans": "a task whose worker died as well, delivered to another",
    }
    return [
        Figure(
            f"death: {meaning}",
            statistics.median(getattr(widow, name) for widow in widows),
            "s",
            f"at most {max(getattr(widow, name) for widow in widows):.2f} s, {len(widows)} deaths",
        )
        for name, meaning in names.items()
    ]


_LISTEN: dict[str, Any] = {
    "name": "listen",
    "steps": [{"name": "listen", "wait_signal": {"topic": "go", "timeout": "1h"}}],
}


def _nap(seconds: float) -> dict[str, Any]:
    sleep = {"duration": f"{seconds * 1e3:.0f}ms"}
    return {"name": f"nap {seconds:.1f}", "steps": [{"name": "nap", "sleep": sleep}]}


def _work(activity: str) -> dict[str, Any]:
    return {"name": activity, "steps": [{"name": activity, "activity": activity}]}


async def _start(client: Client, definition: dict[str, Any]) -> Execution:
    await client.register(definition)
    return await client.start(definition["name"])


async def _since(began: float, *works: Awaitable[object]) -> float:
    await asyncio.gather(*works)
    return time.monotonic() - began


async def _signal(client: Client, execution_id: str) -> None:
    await client.execution(execution_id).signal("go")
    await client.execution(execution_id).result(_PATIENCE)


async def _latest(client: Client, naps: Sequence[Execution]) -> float:
    """By how much the latest of the sleepers woke too late."""
    late = timedelta(0)
    for number, nap in enumerate(naps):
        info = await client.execution(nap.id).wait(_PATIENCE)
        if info.start_time is None or info.close_time is None:
            raise SystemExit("a sleeper did not wake")
        due = info.start_time + timedelta(seconds=_FIRST_DUE + _APART * number)
        late = max(late, info.close_time - due)
    return late.total_seconds()


async def _poll(stub: TaskServiceAsyncStub, worker_id: str, activity: str) -> list[task_pb2.Task]:
    """Take the tasks of an activity, as a worker that never reports."""
    tasks: list[task_pb2.Task] = []

    async def ask() -> None:
        room = _EACH - len(tasks)
        request = pb.PollTasksRequest(worker_id=worker_id, activities=[activity], max_tasks=room)
        tasks.extend((await stub.PollTasks(request)).tasks)

    await _until(ask, lambda: len(tasks) == _EACH)
    return tasks


async def _report(stub: TaskServiceAsyncStub, task: task_pb2.Task) -> None:
    """Report until it counts."""
    outcome = task_pb2.TaskOutcome(token=task.token, completed=task_pb2.TaskResult())
    acks: list[task_pb2.OutcomeAck] = []

    async def ask() -> None:
        response = await stub.ReportTasks(pb.ReportTasksRequest(outcomes=[outcome]))
        acks.extend(response.acks)

    await _until(ask, lambda: bool(acks) and acks[-1].accepted)


async def _until(ask: Callable[[], Awaitable[None]], is_done: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not is_done():
        if time.monotonic() > end:
            raise SystemExit("what the dead server had did not go on")
        try:
            await ask()
        except grpc.aio.AioRpcError as error:
            print(f"asked again: {error.code().name} {error.details()}")
        if not is_done():
            await asyncio.sleep(_PAUSE)
