"""What a refused call tells."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

T = TypeVar("T")


@dataclass(frozen=True)
class Refusal:
    """A status with its details."""

    code: grpc.StatusCode
    message: str
    reason: str = ""
    violations: dict[str, str] = field(default_factory=dict)
    """Descriptions by field."""
    codes: list[str] = field(default_factory=list)
    """The codes of the violations."""
    retry_after: float | None = None
    """Seconds."""

    @property
    def what(self) -> tuple[grpc.StatusCode, str]:
        """The status code and the reason."""
        return self.code, self.reason


async def refused(call: Awaitable[object]) -> Refusal:
    """How a call is refused; fails when it is not."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return refusal_of(raised.value)


async def attempt(call: Awaitable[T]) -> T | Refusal:
    """What a call answers, or how it is refused."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        return refusal_of(error)


def refusal_of(error: grpc.aio.AioRpcError) -> Refusal:
    """What an error tells."""
    # It reads what a finished call and its error have alike.
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # typed for calls alone
    message = error.details() or ""
    if status is None:
        return Refusal(error.code(), message)
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    for detail in status.details:
        for wanted in (info, bad_request, retry):
            detail.Unpack(wanted)
    assert info.domain == "branchline"
    delay = retry.retry_delay.ToNanoseconds() / 1e9
    return Refusal(
        error.code(),
        message,
        info.reason,
        {item.field: item.description for item in bad_request.field_violations},
        [item.reason for item in bad_request.field_violations],
        delay or None,
    )
