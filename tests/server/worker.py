"""A worker that does what a test tells it, on the raw stream."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Self

import grpc

from branchline.v1 import execution_pb2, task_pb2
from branchline.v1 import task_service_pb2 as pb
from tests.server.flows import seconds
from tests.server.refusals import Refusal, refusal_of

if TYPE_CHECKING:  # the stub's type is not there at run time
    from branchline.v1.task_service_pb2_grpc import TaskServiceAsyncStub

PATIENCE = 20.0
"""Seconds after which something that does not come fails its test."""


class Worker:
    """A stream, and what has come down on it."""

    def __init__(self, stub: TaskServiceAsyncStub) -> None:
        self._call = stub.StreamTasks()
        self._tasks: asyncio.Queue[task_pb2.Task] = asyncio.Queue()
        self._acks: asyncio.Queue[task_pb2.OutcomeAck] = asyncio.Queue()
        self._record_acks: asyncio.Queue[task_pb2.RecordAck] = asyncio.Queue()
        self._cancellations: asyncio.Queue[task_pb2.TaskCancellation] = asyncio.Queue()
        self.welcome: asyncio.Future[pb.WorkerWelcome] = asyncio.Future()
        self.ended: asyncio.Future[Refusal | None] = asyncio.Future()
        """Done when the stream is over: with its error, or None after an end in order."""
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def connect(
        cls,
        stub: TaskServiceAsyncStub,
        *activities: str,
        worker_id: str = "worker",
        max_tasks: int = 10,
        held: tuple[str, ...] = (),
    ) -> Self:
        """A worker that the server has welcomed."""
        worker = cls(stub)
        hello = pb.WorkerHello(
            worker_id=worker_id,
            activities=activities or ("work",),
            max_tasks=max_tasks,
            held_tokens=held,
        )
        await worker.send(hello=hello)
        await asyncio.wait_for(worker.welcome, PATIENCE)
        return worker

    async def send(
        self,
        *,
        hello: pb.WorkerHello | None = None,
        outcomes: tuple[task_pb2.TaskOutcome, ...] = (),
        heartbeats: tuple[task_pb2.TaskHeartbeat, ...] = (),
        records: tuple[task_pb2.TaskRecord, ...] = (),
        draining: bool = False,
    ) -> None:
        """Say something; without arguments only that the worker lives."""
        await self._call.write(
            pb.StreamTasksRequest(
                hello=hello,
                outcomes=outcomes,
                heartbeats=heartbeats,
                records=records,
                draining=draining,
            )
        )

    async def complete(self, *tasks: task_pb2.Task, result: object = None) -> None:
        """Report tasks as done with one result."""
        await self.send(outcomes=tuple(completed(task, result) for task in tasks))

    async def task(self) -> task_pb2.Task:
        """The next task."""
        return await asyncio.wait_for(self._tasks.get(), PATIENCE)

    async def tasks(self, count: int) -> list[task_pb2.Task]:
        """The next tasks."""
        return [await self.task() for _ in range(count)]

    @property
    def waiting(self) -> int:
        """How many tasks have come and were not looked at."""
        return self._tasks.qsize()

    async def ack(self) -> task_pb2.OutcomeAck:
        """The next answer to an outcome."""
        return await asyncio.wait_for(self._acks.get(), PATIENCE)

    async def record_ack(self) -> task_pb2.RecordAck:
        """The next answer to a record."""
        return await asyncio.wait_for(self._record_acks.get(), PATIENCE)

    async def cancellation(self) -> task_pb2.TaskCancellation:
        """The next task to stop."""
        return await asyncio.wait_for(self._cancellations.get(), PATIENCE)

    async def end(self) -> Refusal | None:
        """How the stream ended."""
        return await asyncio.wait_for(self.ended, PATIENCE)

    async def finish(self) -> None:
        """Say that nothing more will be said."""
        await self._call.done_writing()

    async def break_off(self) -> None:
        """End the stream without a word."""
        self._call.cancel()
        await asyncio.wait([self._reading])

    async def _read(self) -> None:
        try:
            async for response in self._call:
                self._sort(response)
            self.ended.set_result(None)
        except grpc.aio.AioRpcError as error:
            self.ended.set_result(refusal_of(error))
            if not self.welcome.done():
                self.welcome.set_exception(error)

    def _sort(self, response: pb.StreamTasksResponse) -> None:
        if response.HasField("welcome"):
            self.welcome.set_result(response.welcome)
        for task in response.tasks:
            self._tasks.put_nowait(task)
        for ack in response.acks:
            self._acks.put_nowait(ack)
        for record_ack in response.record_acks:
            self._record_acks.put_nowait(record_ack)
        for cancellation in response.cancellations:
            self._cancellations.put_nowait(cancellation)


def completed(task: task_pb2.Task, result: object = None) -> task_pb2.TaskOutcome:
    """An outcome: the activity returned."""
    done = task_pb2.TaskResult(result_json=json.dumps(result))
    return task_pb2.TaskOutcome(token=task.token, completed=done)


def failed(task: task_pb2.Task, error_type: str = "broken") -> task_pb2.TaskOutcome:
    """An outcome: the activity raised."""
    failure = execution_pb2.Failure(type=error_type, message="no luck")
    return task_pb2.TaskOutcome(token=task.token, failed=failure)


def waits(
    task: task_pb2.Task, topic: str = "go", key: str = "1", *, timeout: float = 600
) -> task_pb2.TaskOutcome:
    """An outcome: the activity waits for a signal."""
    wait = task_pb2.TaskWait(key=key, topic=topic, timeout=seconds(timeout))
    return task_pb2.TaskOutcome(token=task.token, waiting=wait)


def recorded(task: task_pb2.Task, key: str, value: object) -> task_pb2.TaskRecord:
    """A value to record."""
    return task_pb2.TaskRecord(token=task.token, key=key, value_json=json.dumps(value))


def released(task: task_pb2.Task) -> task_pb2.TaskOutcome:
    """An outcome: the worker gives the task back."""
    return task_pb2.TaskOutcome(token=task.token, released=task_pb2.TaskRelease())
