"""A server with many live executions is killed, and another started on its database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from death import crowd
from guests import channels
from hosting import Crew
from measuring import Figure

from branchline.client import Client, Execution, RpcError, StartRequest, Worker
from branchline.v1 import task_service_pb2 as pb
from branchline.v1.task_service_pb2_grpc import TaskServiceStub

_ROOM = 1_000
_SIGNALS_AT_ONCE = 500


class Recovery(NamedTuple):
    """How long things took after a server was started again, seconds."""

    ready: float
    """Until it took a connection."""
    first: float
    """Until something had moved on: an execution that got its signal has completed."""
    signalled: float
    """Until all that waited for a signal had it, and completed."""
    worked: float
    """Until all that had a task completed, but those whose task was in a worker's hand."""
    leased: float
    """Until these did, too."""


async def recover(database: Path | str, number: int) -> Recovery:
    """Half of the executions wait for a signal, half have a task; a tenth of these in hand."""
    with crowd(database, 1) as servers:
        address = servers.addresses[0]
        async with Client(address) as client:
            for definition in (_WORK, _LISTEN):
                await client.register(definition)
            leased = await _start(client, "work", number // 20)
            await _take(address, len(leased))
            waiting = await _start(client, "work", number // 2 - len(leased))
            listening = await _start(client, "listen", number // 2)
            await asyncio.to_thread(servers.kill, 0)
        began = time.monotonic()
        await asyncio.to_thread(servers.start, 0)
        ready = time.monotonic() - began
        async with (
            Client(address, timeout=120) as client,
            Worker(address, [Crew().work], max_tasks=_ROOM),
        ):
            first = asyncio.create_task(_since(began, client, listening[:1]))
            signalling = asyncio.create_task(_signal(client, listening))
            worked = asyncio.create_task(_since(began, client, waiting))
            again = asyncio.create_task(_since(began, client, leased))
            signalled = await _since(began, client, listening)
            await signalling
            return Recovery(ready, await first, signalled, await worked, await again)


def figures(where: str, number: int, recovery: Recovery) -> list[Figure]:
    """What is told of it."""
    names = {
        "ready": "serves again",
        "first": "the first execution has moved on",
        "signalled": f"all {number // 2:,} that waited for a signal were sent one and completed",
        "worked": f"all {number // 2 - number // 20:,} whose task waited completed",
        "leased": f"all {number // 20:,} whose task a dead worker had completed",
    }
    return [
        Figure(f"recovery, {where}: {meaning}", getattr(recovery, name), "s")
        for name, meaning in names.items()
    ]


_WORK: dict[str, Any] = {
    "name": "work",
    "steps": [{"name": "work", "activity": "work", "parameters": {"value": 1}}],
}
_LISTEN: dict[str, Any] = {
    "name": "listen",
    "steps": [{"name": "listen", "wait_signal": {"topic": "go", "timeout": "1h"}}],
}


async def _start(client: Client, workflow: str, number: int) -> list[Execution]:
    started = await client.start_many([StartRequest(workflow=workflow)] * number)
    refused = [each for each in started if isinstance(each, RpcError)]
    if refused:
        raise SystemExit(f"{len(refused)} starts were refused: {refused[0]}")
    return [each for each in started if isinstance(each, Execution)]


async def _take(address: str, tasks: int) -> None:
    """Take tasks as a worker that is never heard of again."""
    [channel] = channels(address, 1)
    stub = TaskServiceStub(channel)
    taken = 0
    while taken < tasks:
        request = pb.PollTasksRequest(
            worker_id="dying", activities=["work"], max_tasks=tasks - taken
        )
        taken += len((await stub.PollTasks(request)).tasks)
    await channel.close()


async def _signal(client: Client, executions: Sequence[Execution]) -> None:
    for begin in range(0, len(executions), _SIGNALS_AT_ONCE):
        some = executions[begin : begin + _SIGNALS_AT_ONCE]
        await asyncio.gather(*(client.execution(each.id).signal("go") for each in some))


async def _since(began: float, client: Client, executions: Sequence[Execution]) -> float:
    """When all have completed."""
    await asyncio.gather(*(client.execution(each.id).result() for each in executions))
    return time.monotonic() - began
