"""Every reason of the API has its error."""

from __future__ import annotations

import grpc
import pytest

from branchline.client import (
    AlreadyExists,
    BranchEnded,
    BranchNotFound,
    Client,
    ExecutionClosed,
    ExecutionLive,
    ExecutionNotFound,
    InvalidDefinition,
    InvalidInputs,
    InvalidRequest,
    LeaseLost,
    NotFound,
    NotRetryable,
    Overloaded,
    PayloadTooLarge,
    PositionOutOfRange,
    RpcError,
    SequenceOutOfRange,
    ServerFault,
    Unavailable,
    Violation,
    WorkerReplaced,
    WorkflowNotFound,
)
from branchline.v1 import error_pb2
from tests.client.scripted import Refusal, ScriptedServer

EXPECTED: dict[str, tuple[grpc.StatusCode, type[RpcError]]] = {
    "INVALID_FIELD": (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequest),
    "INVALID_DEFINITION": (grpc.StatusCode.INVALID_ARGUMENT, InvalidDefinition),
    "INVALID_INPUTS": (grpc.StatusCode.INVALID_ARGUMENT, InvalidInputs),
    "INVALID_PAGE_TOKEN": (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequest),
    "INVALID_TASK_TOKEN": (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequest),
    "WORKFLOW_NOT_FOUND": (grpc.StatusCode.NOT_FOUND, WorkflowNotFound),
    "EXECUTION_NOT_FOUND": (grpc.StatusCode.NOT_FOUND, ExecutionNotFound),
    "BRANCH_NOT_FOUND": (grpc.StatusCode.NOT_FOUND, BranchNotFound),
    "BRANCH_ENDED": (grpc.StatusCode.FAILED_PRECONDITION, BranchEnded),
    "NOT_RETRYABLE": (grpc.StatusCode.FAILED_PRECONDITION, NotRetryable),
    "EXECUTION_EXISTS": (grpc.StatusCode.ALREADY_EXISTS, AlreadyExists),
    "EXECUTION_CLOSED": (grpc.StatusCode.FAILED_PRECONDITION, ExecutionClosed),
    "EXECUTION_LIVE": (grpc.StatusCode.FAILED_PRECONDITION, ExecutionLive),
    "LEASE_LOST": (grpc.StatusCode.FAILED_PRECONDITION, LeaseLost),
    "OVERLOADED": (grpc.StatusCode.RESOURCE_EXHAUSTED, Overloaded),
    "PAYLOAD_TOO_LARGE": (grpc.StatusCode.RESOURCE_EXHAUSTED, PayloadTooLarge),
    "SHUTTING_DOWN": (grpc.StatusCode.UNAVAILABLE, Unavailable),
    "STORE_UNAVAILABLE": (grpc.StatusCode.UNAVAILABLE, Unavailable),
    "POSITION_OUT_OF_RANGE": (grpc.StatusCode.OUT_OF_RANGE, PositionOutOfRange),
    "SEQUENCE_OUT_OF_RANGE": (grpc.StatusCode.OUT_OF_RANGE, SequenceOutOfRange),
    "WORKER_REPLACED": (grpc.StatusCode.ABORTED, WorkerReplaced),
    "INTERNAL": (grpc.StatusCode.INTERNAL, ServerFault),
}


def test_no_reason_is_left_out() -> None:
    reasons = {name.removeprefix("ERROR_REASON_") for name in error_pb2.ErrorReason.keys()}  # noqa: SIM118 - no mapping
    assert reasons - {"UNSPECIFIED"} == set(EXPECTED)


@pytest.mark.parametrize("reason", EXPECTED)
async def test_a_reason_is_an_error_of_its_own(reason: str) -> None:
    code, kind = EXPECTED[reason]
    async with ScriptedServer() as server, Client(server.address, timeout=0.2) as client:
        server.script("CancelExecution", Refusal(code, reason))
        error = await refused(client)
        assert type(error) is kind
        assert (error.code, error.reason) == (code.name, reason)


async def refused(client: Client) -> RpcError:
    with pytest.raises(RpcError) as caught:
        await client.execution("e").cancel()
    return caught.value


async def test_an_error_tells_all_that_the_server_told() -> None:
    refusal = Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_INPUTS",
        "two inputs are wrong",
        metadata={"workflow": "order"},
        violations=[("inputs.a", "is missing", ""), ("inputs.b", "is no number", "TYPE")],
    )
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("StartExecution", refusal)
        with pytest.raises(InvalidInputs, match="two inputs are wrong") as caught:
            await client.start("order")
        error = caught.value
        assert error.message == "two inputs are wrong"
        assert error.metadata == {"workflow": "order"}
        assert error.violations == (
            Violation("inputs.a", "is missing"),
            Violation("inputs.b", "is no number", "TYPE"),
        )


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, NotFound),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequest),
        (grpc.StatusCode.INTERNAL, RpcError),
    ],
)
async def test_without_a_reason_the_status_code_decides(
    code: grpc.StatusCode, kind: type[RpcError]
) -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("CancelExecution", Refusal(code, message="what a proxy says"))
        error = await refused(client)
        assert type(error) is kind
        assert (error.code, error.reason, str(error)) == (code.name, "", "what a proxy says")
