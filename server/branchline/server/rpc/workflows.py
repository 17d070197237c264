"""WorkflowService."""

from __future__ import annotations

import asyncio

from branchline.engine.definition import Problem, Workflow
from branchline.engine.validation import find_problems
from branchline.server.catalog import Catalog, refuse_problems
from branchline.server.errors import Reason, ServiceError, invalid_field
from branchline.server.rpc.calls import Context, unary
from branchline.server.rpc.checks import not_negative, required, timestamp
from branchline.server.rpc.definition_messages import workflow_message
from branchline.server.rpc.definitions import DefinitionReader
from branchline.server.rpc.pages import page_size, read_token, write_token
from branchline.server.storage import WorkflowRow
from branchline.v1 import workflow_pb2
from branchline.v1 import workflow_service_pb2 as pb
from branchline.v1.workflow_service_pb2_grpc import WorkflowServiceServicer

Checked = tuple[Workflow, list[Problem]]
"""A definition and all that is wrong with it."""

_LIST = "workflows"


class Workflows(WorkflowServiceServicer):
    """Keeps definitions."""

    def __init__(self, catalog: Catalog, max_definition: int) -> None:
        self._catalog = catalog
        self._max_definition = max_definition

    @unary
    async def RegisterWorkflow(
        self, request: pb.RegisterWorkflowRequest, context: Context
    ) -> pb.RegisterWorkflowResponse:
        workflow, problems = await self._read(request)
        refuse_problems(problems)
        registered = await self._catalog.register(workflow)
        return pb.RegisterWorkflowResponse(
            name=workflow.name, version=registered.version, created=registered.created
        )

    @unary
    async def ValidateWorkflow(
        self, request: pb.ValidateWorkflowRequest, context: Context
    ) -> pb.ValidateWorkflowResponse:
        _, problems = await self._read(request)
        return pb.ValidateWorkflowResponse(
            problems=[
                workflow_pb2.Problem(code=problem.code, step=problem.step, message=problem.message)
                for problem in problems
            ]
        )

    @unary
    async def GetWorkflow(
        self, request: pb.GetWorkflowRequest, context: Context
    ) -> pb.GetWorkflowResponse:
        name = required("name", request.name)
        version = not_negative("version", request.version)
        row, workflow = await self._catalog.get(name, version)
        message = _version_message(row)
        message.workflow.CopyFrom(workflow_message(workflow))
        return pb.GetWorkflowResponse(workflow_version=message)

    @unary
    async def ListWorkflows(
        self, request: pb.ListWorkflowsRequest, context: Context
    ) -> pb.ListWorkflowsResponse:
        size = page_size(request.page_size)
        after = read_token(_LIST, request.page_token)
        rows = await self._catalog.latest(after, size + 1)
        more = len(rows) > size
        return pb.ListWorkflowsResponse(
            workflows=[_version_message(row) for row in rows[:size]],
            next_page_token=write_token(_LIST, rows[size - 1].name) if more else "",
        )

    async def _read(
        self, request: pb.RegisterWorkflowRequest | pb.ValidateWorkflowRequest
    ) -> Checked:
        if not request.HasField("workflow"):
            raise invalid_field("workflow", "is required")
        size, most = request.workflow.ByteSize(), self._max_definition
        if size > most:
            message = f"the definition has {size:,} bytes; at most {most:,} are taken"
            raise ServiceError(Reason.PAYLOAD_TOO_LARGE, message)
        # A large definition takes a while, during which others shall be served.
        return await asyncio.to_thread(_check, request.workflow)


def _check(message: workflow_pb2.Workflow) -> Checked:
    reader = DefinitionReader()
    workflow = reader.workflow(message)
    return workflow, reader.problems + find_problems(workflow)


def _version_message(row: WorkflowRow) -> workflow_pb2.WorkflowVersion:
    return workflow_pb2.WorkflowVersion(
        name=row.name, version=row.version, create_time=timestamp(row.create_time)
    )
