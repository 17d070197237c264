"""The calls that the runner makes, through the public API only."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from typing import Any

import grpc
from grpc import aio
from msgspec import UNSET

from branchline.v1 import (
    event_pb2,
    execution_pb2,
    execution_service_pb2,
    step_visit_pb2,
    workflow_pb2,
)
from branchline.v1 import workflow_service_pb2 as workflows_pb2
from branchline.v1.execution_service_pb2_grpc import ExecutionServiceStub
from branchline.v1.workflow_service_pb2_grpc import WorkflowServiceStub
from tests.scenarios.scenario import Signal, Start

_TIMEOUT = 10.0
_PAUSE = 0.02
_BIG = 64 * 1024 * 1024
_OPTIONS = [
    ("grpc.max_receive_message_length", _BIG),
    ("grpc.max_send_message_length", _BIG),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 300),
]


class Api:
    """A connection to a server that may be stopped and started again meanwhile."""

    def __init__(self, address: str) -> None:
        self.channel = aio.insecure_channel(address, options=_OPTIONS)
        self._workflows = WorkflowServiceStub(self.channel)
        self._executions = ExecutionServiceStub(self.channel)

    async def close(self) -> None:
        """End all calls."""
        await self.channel.close()

    async def validate(self, workflow: workflow_pb2.Workflow) -> list[workflow_pb2.Problem]:
        """What is wrong with a definition."""
        request = workflows_pb2.ValidateWorkflowRequest(workflow=workflow)
        answer = await _once(self._workflows.ValidateWorkflow, request)
        return list(answer.problems)

    async def register(self, workflow: workflow_pb2.Workflow) -> int:
        """The version that a definition gets."""
        request = workflows_pb2.RegisterWorkflowRequest(workflow=workflow)
        answer: workflows_pb2.RegisterWorkflowResponse
        answer = await _once(self._workflows.RegisterWorkflow, request)
        return answer.version

    async def definition(self, name: str, version: int) -> workflow_pb2.Workflow:
        """A registered definition."""
        request = workflows_pb2.GetWorkflowRequest(name=name, version=version)
        answer: workflows_pb2.GetWorkflowResponse
        answer = await _again(self._workflows.GetWorkflow, request)
        return answer.workflow_version.workflow

    async def start(self, workflow: str, start: Start) -> str:
        """The id of the execution that a start gives."""
        request = execution_service_pb2.StartExecutionRequest(
            workflow=workflow,
            version=start.version,
            id=start.id,
            request_id=start.request_id,
            inputs_json=json.dumps(start.inputs),
            labels=None if start.labels is UNSET else start.labels,
        )
        answer: execution_service_pb2.StartExecutionResponse
        answer = await _once(self._executions.StartExecution, request)
        return answer.execution_id

    async def execution(self, execution_id: str) -> execution_pb2.Execution:
        """The full view of an execution."""
        request = execution_service_pb2.GetExecutionRequest(
            execution_id=execution_id, view=execution_pb2.EXECUTION_VIEW_FULL
        )
        answer: execution_service_pb2.GetExecutionResponse
        answer = await _again(self._executions.GetExecution, request)
        return answer.execution

    async def executions_of(self, workflow: str) -> list[execution_pb2.Execution]:
        """The executions of a workflow, newest first."""
        return await self.executions(execution_service_pb2.ExecutionFilter(workflow=workflow))

    async def executions(
        self, wanted: execution_service_pb2.ExecutionFilter, page_size: int = 0
    ) -> list[execution_pb2.Execution]:
        """The executions that pass a filter, newest first."""
        found: list[execution_pb2.Execution] = []
        token = ""
        while True:
            request = execution_service_pb2.ListExecutionsRequest(
                filter=wanted, page_size=page_size, page_token=token
            )
            answer = await _again(self._executions.ListExecutions, request)
            found += answer.executions
            token = answer.next_page_token
            if not token:
                return found

    async def count(
        self, wanted: execution_service_pb2.ExecutionFilter
    ) -> execution_service_pb2.CountExecutionsResponse:
        """How many executions pass a filter."""
        request = execution_service_pb2.CountExecutionsRequest(filter=wanted)
        answer: execution_service_pb2.CountExecutionsResponse
        answer = await _again(self._executions.CountExecutions, request)
        return answer

    async def signal(self, execution_id: str, signal: Signal) -> None:
        """Send a signal."""
        request = execution_service_pb2.SignalExecutionRequest(
            execution_id=execution_id,
            topic=signal.topic,
            payload_json=json.dumps(signal.payload),
            signal_id=signal.id,
        )
        await _once(self._executions.SignalExecution, request)

    async def cancel(self, execution_id: str, reason: str) -> None:
        """Cancel an execution."""
        request = execution_service_pb2.CancelExecutionRequest(
            execution_id=execution_id, reason=reason
        )
        await _once(self._executions.CancelExecution, request)

    async def pause(self, execution_id: str, branch: str, reason: str) -> None:
        """Pause a branch, or all."""
        request = execution_service_pb2.PauseExecutionRequest(
            execution_id=execution_id, branch=branch, reason=reason
        )
        await _once(self._executions.PauseExecution, request)

    async def unpause(self, execution_id: str, branch: str) -> None:
        """Let a branch, or all, go on."""
        request = execution_service_pb2.UnpauseExecutionRequest(
            execution_id=execution_id, branch=branch
        )
        await _once(self._executions.UnpauseExecution, request)

    async def retry(self, execution_id: str) -> None:
        """Take a failed execution up again."""
        request = execution_service_pb2.RetryExecutionRequest(execution_id=execution_id)
        await _once(self._executions.RetryExecution, request)

    async def delete(self, execution_id: str) -> None:
        """Delete an execution."""
        request = execution_service_pb2.DeleteExecutionRequest(execution_id=execution_id)
        await _once(self._executions.DeleteExecution, request)

    async def history(self, execution_id: str, after: int = 0) -> list[event_pb2.Event]:
        """The stored events after a number."""
        events: list[event_pb2.Event] = []
        while True:
            request = execution_service_pb2.ListEventsRequest(
                execution_id=execution_id, after_sequence=after
            )
            answer = await _again(self._executions.ListEvents, request)
            events += answer.events
            after = answer.next_after_sequence
            if not after:
                return events

    async def step_visits(self, execution_id: str) -> list[step_visit_pb2.StepVisit]:
        """The step visits of an execution, in the order in which they began."""
        visits: list[step_visit_pb2.StepVisit] = []
        request = execution_service_pb2.ListStepVisitsRequest(execution_id=execution_id)
        while True:
            answer = await _again(self._executions.ListStepVisits, request)
            visits += answer.visits
            if not answer.next_after_number:
                return visits
            request.after_number = answer.next_after_number

    async def watch(
        self, execution_id: str, after: int
    ) -> AsyncGenerator[execution_service_pb2.WatchExecutionResponse, None]:
        """The stream of an execution's events; it is cut off when the iteration is left."""
        request = execution_service_pb2.WatchExecutionRequest(
            execution_id=execution_id, after_sequence=after
        )
        call = self._executions.WatchExecution(request, wait_for_ready=True)
        try:
            async for answer in call:
                yield answer
        finally:
            call.cancel()

    async def watch_all(
        self, workflow: str, after: int
    ) -> AsyncGenerator[execution_service_pb2.WatchExecutionsResponse, None]:
        """The stream of a workflow's statuses; it is cut off when the iteration is left."""
        request = execution_service_pb2.WatchExecutionsRequest(
            filter=execution_service_pb2.ExecutionFilter(workflow=workflow), after_position=after
        )
        call = self._executions.WatchExecutions(request, wait_for_ready=True)
        try:
            async for answer in call:
                yield answer
        finally:
            call.cancel()


def status_name(execution: execution_pb2.Execution) -> str:
    """An execution's status, as scenarios write it."""
    name = execution_pb2.ExecutionStatus.Name(execution.status)
    return name.removeprefix("EXECUTION_STATUS_")


def branch_statuses(execution: execution_pb2.Execution) -> dict[str, str]:
    """The status of each branch by its id."""
    names = {
        branch.id: execution_pb2.BranchStatus.Name(branch.status) for branch in execution.branches
    }
    return {branch: name.removeprefix("BRANCH_STATUS_") for branch, name in names.items()}


def is_closed(execution: execution_pb2.Execution) -> bool:
    """Whether an execution has ended."""
    return status_name(execution) in {"COMPLETED", "FAILED", "CANCELED"}


# The stubs' methods differ in their requests and answers only.
async def _once(method: Any, request: object) -> Any:  # noqa: ANN401
    return await method(request, timeout=_TIMEOUT, wait_for_ready=True)


async def _again(method: Any, request: object) -> Any:  # noqa: ANN401
    """A call that changes nothing, so that it may be repeated while the server is away."""
    end = time.monotonic() + _TIMEOUT
    while True:
        try:
            return await _once(method, request)
        except aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() > end:
                raise
        await asyncio.sleep(_PAUSE)
