"""Errors as gRPC tells them: a status code, a reason for programs, and field violations."""

from __future__ import annotations

from typing import NoReturn, TypeVar

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from branchline.server.errors import Reason, ServiceError
from branchline.v1 import execution_service_pb2 as pb

DOMAIN = "branchline"

_MOST_MESSAGE = 1_500
"""How many bytes of a header the message may take. Errors travel in headers, and clients refuse
answers with more than 8 KB of them; the message is in there twice."""

_MOST_DETAIL = 2_500
"""How many bytes of violations an answer holds, for the same reason."""

CODES = {
    Reason.INVALID_FIELD: code_pb2.INVALID_ARGUMENT,
    Reason.INVALID_DEFINITION: code_pb2.INVALID_ARGUMENT,
    Reason.INVALID_INPUTS: code_pb2.INVALID_ARGUMENT,
    Reason.INVALID_PAGE_TOKEN: code_pb2.INVALID_ARGUMENT,
    Reason.INVALID_TASK_TOKEN: code_pb2.INVALID_ARGUMENT,
    Reason.WORKFLOW_NOT_FOUND: code_pb2.NOT_FOUND,
    Reason.EXECUTION_NOT_FOUND: code_pb2.NOT_FOUND,
    Reason.BRANCH_NOT_FOUND: code_pb2.NOT_FOUND,
    Reason.BRANCH_ENDED: code_pb2.FAILED_PRECONDITION,
    Reason.NOT_RETRYABLE: code_pb2.FAILED_PRECONDITION,
    Reason.EXECUTION_EXISTS: code_pb2.ALREADY_EXISTS,
    Reason.EXECUTION_CLOSED: code_pb2.FAILED_PRECONDITION,
    Reason.EXECUTION_LIVE: code_pb2.FAILED_PRECONDITION,
    Reason.LEASE_LOST: code_pb2.FAILED_PRECONDITION,
    Reason.SEQUENCE_OUT_OF_RANGE: code_pb2.OUT_OF_RANGE,
    Reason.POSITION_OUT_OF_RANGE: code_pb2.OUT_OF_RANGE,
    Reason.WORKER_REPLACED: code_pb2.ABORTED,
    Reason.OVERLOADED: code_pb2.RESOURCE_EXHAUSTED,
    Reason.PAYLOAD_TOO_LARGE: code_pb2.RESOURCE_EXHAUSTED,
    Reason.SHUTTING_DOWN: code_pb2.UNAVAILABLE,
    Reason.STORE_UNAVAILABLE: code_pb2.UNAVAILABLE,
    Reason.INTERNAL: code_pb2.INTERNAL,
}

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


async def abort(
    context: grpc.aio.ServicerContext[_Request, _Response], error: ServiceError
) -> NoReturn:
    """End a call with an error."""
    await context.abort_with_status(rpc_status.to_status(status_of(error)))
    raise AssertionError("abort_with_status has returned")


def request_error(error: ServiceError) -> pb.RequestError:
    """The error of one start among many."""
    return pb.RequestError(
        code=CODES[error.reason], reason=error.reason, message=_with_violations(error)
    )


def status_of(error: ServiceError) -> status_pb2.Status:
    """An error with its details."""
    details: list[Any] = []
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    _pack(details, info)
    if error.violations:
        _pack(details, _bad_request(error))
    if error.retry_after is not None:
        delay = Duration(nanos=int(error.retry_after * 1e9))
        _pack(details, error_details_pb2.RetryInfo(retry_delay=delay))
    return status_pb2.Status(code=CODES[error.reason], message=_cut(error.message), details=details)


def _bad_request(error: ServiceError) -> error_details_pb2.BadRequest:
    bad_request = error_details_pb2.BadRequest()
    for violation in error.violations:
        bad_request.field_violations.add(
            field=violation.field[:200],
            description=violation.description[:400],
            reason=violation.code,
        )
        if bad_request.ByteSize() > _MOST_DETAIL:
            del bad_request.field_violations[-1]
            break
    return bad_request


def _cut(message: str) -> str:
    """A message that fits a header, where all but plain characters take three bytes each."""
    room = _MOST_MESSAGE
    for place, character in enumerate(message):
        plain = " " <= character <= "~" and character != "%"
        room -= 1 if plain else 3 * len(character.encode(errors="replace"))
        if room < 0:
            return f"{message[:place]}..."
    return message


def _with_violations(error: ServiceError) -> str:
    if not error.violations or error.reason is Reason.INVALID_FIELD:
        return error.message
    fields = "; ".join(f"{v.field}: {v.description}" for v in error.violations)
    return f"{error.message}: {fields}"


def _pack(details: list[Any], message: Message) -> None:
    packed = Any()
    packed.Pack(message)
    details.append(packed)
