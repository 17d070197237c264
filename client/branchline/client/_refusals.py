"""From a call's status to the SDK's errors: the only place that knows the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import grpc
from google.rpc import error_details_pb2, status_pb2

from branchline.client import errors
from branchline.client.types import Problem
from branchline.v1 import execution_service_pb2

_DETAILS: Final = "grpc-status-details-bin"
_DOMAIN: Final = "branchline"

BY_REASON: Final[Mapping[str, type[errors.RpcError]]] = {
    "INVALID_FIELD": errors.InvalidRequest,
    "INVALID_INPUTS": errors.InvalidInputs,
    "INVALID_PAGE_TOKEN": errors.InvalidRequest,
    "INVALID_TASK_TOKEN": errors.InvalidRequest,
    "WORKFLOW_NOT_FOUND": errors.WorkflowNotFound,
    "EXECUTION_NOT_FOUND": errors.ExecutionNotFound,
    "BRANCH_NOT_FOUND": errors.BranchNotFound,
    "BRANCH_ENDED": errors.BranchEnded,
    "NOT_RETRYABLE": errors.NotRetryable,
    "EXECUTION_EXISTS": errors.AlreadyExists,
    "EXECUTION_CLOSED": errors.ExecutionClosed,
    "EXECUTION_LIVE": errors.ExecutionLive,
    "LEASE_LOST": errors.LeaseLost,
    "OVERLOADED": errors.Overloaded,
    "PAYLOAD_TOO_LARGE": errors.PayloadTooLarge,
    "SHUTTING_DOWN": errors.Unavailable,
    "STORE_UNAVAILABLE": errors.Unavailable,
    "SEQUENCE_OUT_OF_RANGE": errors.SequenceOutOfRange,
    "POSITION_OUT_OF_RANGE": errors.PositionOutOfRange,
    "WORKER_REPLACED": errors.WorkerReplaced,
    "INTERNAL": errors.ServerFault,
}
"""Each reason but ``INVALID_DEFINITION``, whose error is made of problems."""

# What gRPC itself, a proxy or another version of the server answers comes without a reason.
_BY_CODE: Final[Mapping[str, type[errors.RpcError]]] = {
    "INVALID_ARGUMENT": errors.InvalidRequest,
    "NOT_FOUND": errors.NotFound,
    "ALREADY_EXISTS": errors.AlreadyExists,
    "UNAVAILABLE": errors.Unavailable,
    "DEADLINE_EXCEEDED": errors.DeadlineExceeded,
}

_CODE_NAMES: Final = {code.value[0]: code.name for code in grpc.StatusCode}


@dataclass(slots=True)
class _Details:
    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    violations: list[errors.Violation] = field(default_factory=list)


def refusal(error: grpc.aio.AioRpcError) -> errors.RpcError:
    """The SDK's error for a call that failed."""
    return _refusal(error.code().name, error.details() or "", _details(error))


def refused_request(error: execution_service_pb2.RequestError) -> errors.RpcError:
    """The SDK's error for one start of many."""
    code = _CODE_NAMES.get(error.code, "UNKNOWN")
    return _refusal(code, error.message, _Details(error.reason))


def unknown_execution(execution_id: str) -> errors.RpcError:
    """The SDK's error for one execution of many that there is not."""
    message = f'there is no execution "{execution_id}"'
    return _refusal("NOT_FOUND", message, _Details("EXECUTION_NOT_FOUND"))


def can_be_repeated(error: errors.RpcError) -> bool:
    """Whether the same request may succeed in a moment, and its failure changed nothing."""
    return isinstance(error, errors.Unavailable | errors.Overloaded)


def asked_delay(error: grpc.aio.AioRpcError) -> float:
    """The seconds that the server asks to wait before another try; 0 when it does not ask."""
    info = error_details_pb2.RetryInfo()
    for detail in _status(error).details:
        if detail.Unpack(info):
            delay: int = info.retry_delay.ToMilliseconds()
            return delay / 1_000
    return 0.0


def _refusal(code: str, message: str, details: _Details) -> errors.RpcError:
    if details.reason == "INVALID_DEFINITION":
        return errors.InvalidDefinition(
            [_problem(violation) for violation in details.violations],
            metadata=details.metadata,
            violations=details.violations,
        )
    kind = BY_REASON.get(details.reason) or _BY_CODE.get(code, errors.RpcError)
    return kind(
        message or code,
        code=code,
        reason=details.reason,
        metadata=details.metadata,
        violations=details.violations,
    )


def _problem(violation: errors.Violation) -> Problem:
    is_step = violation.field.startswith("steps[") and violation.field.endswith("]")
    step = violation.field.removeprefix("steps[").removesuffix("]") if is_step else ""
    return Problem(violation.reason, step, violation.message)


def _details(error: grpc.aio.AioRpcError) -> _Details:
    result = _Details()
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in _status(error).details:
        if detail.Unpack(info) and info.domain == _DOMAIN:
            result.reason = info.reason
            result.metadata = dict(info.metadata)
        elif detail.Unpack(bad):
            result.violations += [
                errors.Violation(violation.field, violation.description, violation.reason)
                for violation in bad.field_violations
            ]
    return result


def _status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    status = status_pb2.Status()
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS and isinstance(value, bytes):
            status.ParseFromString(value)
    return status
