"""A running worker and the tasks that a test gives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from branchline.client import Worker, activity
from branchline.v1 import task_pb2
from tests.client.scripted import ScriptedServer, WorkerStream


@asynccontextmanager
async def working(
    server: ScriptedServer,
    *activities: Callable[..., Any],
    **options: Any,  # noqa: ANN401 - the worker's
) -> AsyncIterator[Worker]:
    """A running worker; it is stopped at the end."""
    worker = Worker(server.address, activities, **{"grace": 0.0, **options})
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        server.accept_everything()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def welcomed(server: ScriptedServer) -> WorkerStream:
    stream = await server.streams.get()
    hello = await stream.receive()
    assert hello.HasField("hello")
    stream.welcome()
    return stream


def task(token: str, name: str = "double", parameters: str = '{"n":4}') -> task_pb2.Task:
    return task_pb2.Task(token=token, activity=name, parameters_json=parameters, attempt=1)


def result(outcome: task_pb2.TaskOutcome) -> str:
    assert outcome.WhichOneof("outcome") == "completed", outcome
    return outcome.completed.result_json


async def outcome_of(
    function: Callable[..., Any],
    parameters: str = "{}",
    **fields: Any,  # noqa: ANN401 - the task's
) -> task_pb2.TaskOutcome:
    """What a worker tells of one run of an activity."""
    name = activity.name_of(function) or ""
    sent = task("t", name, parameters)
    sent.MergeFrom(task_pb2.Task(**fields))
    async with ScriptedServer() as server, working(server, function):
        stream = await welcomed(server)
        stream.send(tasks=[sent])
        [outcome] = await stream.receive_outcomes(1)
        stream.accept("t")
        return outcome
