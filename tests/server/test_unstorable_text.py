"""The character U+0000, which PostgreSQL cannot hold in text, is refused whatever the database.

In JSON documents it is welcome: there it is written as an escape.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from grpc import StatusCode

from branchline.v1 import execution_service_pb2 as executions_pb
from branchline.v1 import task_service_pb2 as tasks_pb
from branchline.v1 import workflow_service_pb2 as workflows_pb
from tests.server.flows import flow, listen
from tests.server.refusals import refused
from tests.server.serving import Served

BAD = "a\0b"
Call = Callable[[Served], Awaitable[object]]


def start(**fields: object) -> Call:
    """Start with a field that is different."""
    request = executions_pb.StartExecutionRequest(**{"workflow": "flow", **fields})  # type: ignore[arg-type]  # a request's
    return lambda served: served.executions.StartExecution(request)


def listed(**fields: object) -> Call:
    """List with a filter."""
    wanted = executions_pb.ExecutionFilter(**fields)  # type: ignore[arg-type]  # a filter's
    request = executions_pb.ListExecutionsRequest(filter=wanted)
    return lambda served: served.executions.ListExecutions(request)


def poll(**fields: object) -> Call:
    """Poll with a field that is different."""
    given = {"worker_id": "w", "activities": ["work"], **fields}
    request = tasks_pb.PollTasksRequest(**given)  # type: ignore[arg-type]  # a request's
    return lambda served: served.tasks.PollTasks(request)


CALLS: list[tuple[str, Call]] = [
    ("workflow", start(workflow=BAD)),
    ("id", start(id=BAD)),
    ("request_id", start(request_id=BAD)),
    ('labels["a"]', start(labels={"a": BAD})),
    ('labels["a\0b"]', start(labels={BAD: "a"})),
    ("filter.workflow", listed(workflow=BAD)),
    ("filter.parent", listed(parent=BAD)),
    ('filter.labels["a"]', listed(labels={"a": BAD})),
    ("worker_id", poll(worker_id=BAD)),
    ("task_queue", poll(task_queue=BAD)),
    ("activities", poll(activities=[BAD])),
    (
        "name",
        lambda served: served.workflows.GetWorkflow(workflows_pb.GetWorkflowRequest(name=BAD)),
    ),
    (
        "execution_id",
        lambda served: served.executions.GetExecution(
            executions_pb.GetExecutionRequest(execution_id=BAD)
        ),
    ),
    ("topic", lambda served: served.signal("a", topic=BAD)),
]


@pytest.mark.parametrize(("field", "call"), CALLS, ids=[field for field, _ in CALLS])
async def test_a_field_is_refused(served: Served, field: str, call: Call) -> None:
    await served.register(flow(listen()))
    refusal = await refused(call(served))
    assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert set(refusal.violations) == {field}


async def test_in_a_document_it_is_kept(served: Served) -> None:
    await served.register(flow(listen(), inputs=["a"]))
    execution_id = await served.start({"a": BAD})
    assert '"a\\u0000b"' in (await served.get(execution_id)).inputs_json


async def test_a_definition_is_refused(served: Served) -> None:
    refusal = await refused(served.register(flow(listen(), name=BAD)))
    assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_DEFINITION")
    assert "name has the character U+0000 in it" in refusal.message
