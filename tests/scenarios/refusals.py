"""What a refused call tells."""

from __future__ import annotations

from typing import NamedTuple

from google.rpc import error_details_pb2
from grpc import aio
from grpc_status import rpc_status

from tests.scenarios.scenario import Refusal


class FieldViolation(NamedTuple):
    """What is wrong with a field."""

    field: str
    description: str
    reason: str


def violations(error: aio.AioRpcError) -> list[FieldViolation]:
    """The field violations of an error."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # works with asyncio's as well
    found: list[FieldViolation] = []
    for detail in status.details if status else ():
        bad_request = error_details_pb2.BadRequest()
        if detail.Unpack(bad_request):
            found += [
                FieldViolation(violation.field, violation.description, violation.reason)
                for violation in bad_request.field_violations
            ]
    return found


def refusal_differences(expected: Refusal, code: str, text: str) -> list[str]:
    """How the code and the text of a refused start differ from the expected ones."""
    if code != expected.code:
        return [f"start: expected {expected.code}, got {code}: {text}"]
    return [
        f"start_refused: {word!r} is not mentioned in {text!r}"
        for word in expected.mentions
        if word not in text
    ]


def text_of(error: aio.AioRpcError) -> str:
    """All that an error says, for people."""
    told = [f"{violation.field}: {violation.description}" for violation in violations(error)]
    return "\n".join([error.details() or "", *told])
