"""A real server on a file of its own, with a client's stubs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from branchline.server.app import App
from branchline.server.clock import Clock
from branchline.server.settings import Settings
from branchline.v1 import event_pb2, execution_pb2, task_pb2, workflow_pb2
from branchline.v1 import execution_service_pb2 as executions_pb
from branchline.v1 import task_service_pb2 as tasks_pb
from branchline.v1 import workflow_service_pb2 as workflows_pb
from branchline.v1.execution_service_pb2_grpc import ExecutionServiceStub
from branchline.v1.task_service_pb2_grpc import TaskServiceStub
from branchline.v1.workflow_service_pb2_grpc import WorkflowServiceStub
from tests.postgres import database_named
from tests.server.flows import seconds
from tests.server.worker import Worker

SUITE = "BRANCHLINE_SUITE"
"""Names the kind of database that the tests of the server run on, if it is not SQLite."""

# Sizes are for the tests to judge, not for the client's own limits.
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
)


class Served:
    """A server as its callers see it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.stop: Callable[[], Awaitable[None]]
        """Stops a server of this process."""
        self.expire: Callable[[], Awaitable[int]]
        """Has a server of this process remove what it keeps no longer."""
        self.workflows = WorkflowServiceStub(channel)
        self.executions = ExecutionServiceStub(channel)
        self.tasks = TaskServiceStub(channel)

    async def register(self, workflow: workflow_pb2.Workflow) -> int:
        """Register a definition; its version."""
        request = workflows_pb.RegisterWorkflowRequest(workflow=workflow)
        return (await self.workflows.RegisterWorkflow(request)).version

    async def start(self, inputs: object = None, **fields: Any) -> str:  # noqa: ANN401 - a request's
        """Start an execution, of ``flow`` if not told otherwise; its id."""
        fields.setdefault("workflow", "flow")
        text = "" if inputs is None else json.dumps(inputs)
        request = executions_pb.StartExecutionRequest(inputs_json=text, **fields)
        return (await self.executions.StartExecution(request)).execution_id

    async def get(self, execution_id: str, *, wait: float | None = None) -> execution_pb2.Execution:
        """An execution in the full view, at once or when it has closed."""
        request = executions_pb.GetExecutionRequest(
            execution_id=execution_id,
            view=execution_pb2.EXECUTION_VIEW_FULL,
            wait=None if wait is None else seconds(wait),
        )
        return (await self.executions.GetExecution(request)).execution

    async def closed(self, execution_id: str) -> execution_pb2.Execution:
        """An execution when it has closed."""
        execution = await self.get(execution_id, wait=20)
        assert execution.HasField("close_time"), execution
        return execution

    async def signal(self, execution_id: str, topic: str = "go", payload: str = "") -> None:
        """Send a signal."""
        request = executions_pb.SignalExecutionRequest(
            execution_id=execution_id, topic=topic, payload_json=payload
        )
        await self.executions.SignalExecution(request)

    async def cancel(self, execution_id: str) -> None:
        """Cancel an execution."""
        request = executions_pb.CancelExecutionRequest(execution_id=execution_id)
        await self.executions.CancelExecution(request)

    async def pause(self, execution_id: str, branch: str = "", reason: str = "") -> None:
        """Pause a branch, or all."""
        request = executions_pb.PauseExecutionRequest(
            execution_id=execution_id, branch=branch, reason=reason
        )
        await self.executions.PauseExecution(request)

    async def unpause(self, execution_id: str, branch: str = "") -> None:
        """Let a branch, or all, go on."""
        request = executions_pb.UnpauseExecutionRequest(execution_id=execution_id, branch=branch)
        await self.executions.UnpauseExecution(request)

    async def retry(self, execution_id: str) -> None:
        """Take a failed execution up again."""
        request = executions_pb.RetryExecutionRequest(execution_id=execution_id)
        await self.executions.RetryExecution(request)

    async def delete(self, execution_id: str) -> None:
        """Remove an execution."""
        request = executions_pb.DeleteExecutionRequest(execution_id=execution_id)
        await self.executions.DeleteExecution(request)

    async def events(self, execution_id: str, after: int = 0) -> list[event_pb2.Event]:
        """All stored events of an execution after a number."""
        request = executions_pb.ListEventsRequest(execution_id=execution_id, after_sequence=after)
        return list((await self.executions.ListEvents(request)).events)

    async def poll(self, wait: float, *activities: str, most: int = 1) -> list[task_pb2.Task]:
        """Tasks for a worker without a stream."""
        request = tasks_pb.PollTasksRequest(
            worker_id="poller",
            activities=activities or ("work",),
            max_tasks=most,
            wait=seconds(wait),
        )
        return list((await self.tasks.PollTasks(request)).tasks)

    async def report(self, *outcomes: task_pb2.TaskOutcome) -> list[task_pb2.OutcomeAck]:
        """Report outcomes without a stream."""
        request = tasks_pb.ReportTasksRequest(outcomes=outcomes)
        return list((await self.tasks.ReportTasks(request)).acks)

    async def record(self, *records: task_pb2.TaskRecord) -> list[task_pb2.RecordAck]:
        """Record values without a stream."""
        request = tasks_pb.ReportTasksRequest(records=records)
        return list((await self.tasks.ReportTasks(request)).record_acks)

    async def branch_state(self, token: str) -> tuple[Any, Any]:
        """The variables and inputs that a task's activity can read, in plain values."""
        request = tasks_pb.GetBranchStateRequest(token=token)
        answer = await self.tasks.GetBranchState(request)
        return json.loads(answer.state_json), json.loads(answer.inputs_json)

    async def worker(
        self,
        *activities: str,
        worker_id: str = "worker",
        max_tasks: int = 10,
        held: tuple[str, ...] = (),
    ) -> Worker:
        """A worker with a stream."""
        return await Worker.connect(
            self.tasks, *activities, worker_id=worker_id, max_tasks=max_tasks, held=held
        )


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Served]:
    """A server at a port of this machine, running or not."""
    address = f"127.0.0.1:{port}"
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        yield Served(channel)


async def database_url(path: Path) -> str:
    """The database of a path: the file, or a PostgreSQL's for a run of the suite on that."""
    if os.environ.get(SUITE) != "postgresql":
        return f"sqlite:///{path}"
    name = "test_" + hashlib.sha256(str(path).encode()).hexdigest()[:32]
    return await database_named(name)


@asynccontextmanager
async def serving(
    path: Path,
    clock: Clock | None = None,
    **settings: Any,  # noqa: ANN401 - the settings'
) -> AsyncIterator[Served]:
    """A server on a database of a file's name; it is stopped in order at the end."""
    chosen = Settings(
        database_url=await database_url(path),
        listen="127.0.0.1:0",
        **{"synchronous": "NORMAL", "sqlite_log": 0, "shutdown_grace": 1.0, **settings},
    )
    async with App(chosen, clock) as app, connected(app.port) as served:
        served.stop = app.stop
        served.expire = app.retention.run_once
        yield served
