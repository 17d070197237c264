"""Requests that are no message of their type get an answer that says so.

gRPC itself would answer UNKNOWN, without a reason that a program could act on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from branchline.server.errors import ServiceError, invalid_field

_OURS = "/branchline."

Handler = Any
"""A handler of gRPC, whose types differ between methods."""


class Garbled:
    """Stands for a request that could not be read."""

    def __init__(self, method: str) -> None:
        self.error: ServiceError = invalid_field(
            "request", f"is no request of {method}: the bytes are not such a message"
        )


class GarbledRequests(grpc.aio.ServerInterceptor):
    """Hands ``Garbled`` to a method whose request cannot be read."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Give a method's handler with a reader that does not fail."""
        method = handler_call_details.method
        known = self._handlers.get(method)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_streaming or not method.startswith(_OURS):
            return handler
        forgiving = _forgiving(handler, method)
        self._handlers[method] = forgiving
        return forgiving


def _forgiving(handler: Handler, method: str) -> Handler:
    read = handler.request_deserializer

    def read_or_garbled(data: bytes) -> object:
        try:
            return data if read is None else read(data)
        except DecodeError:
            return Garbled(method)

    # The methods are coroutines here, which gRPC's types do not know.
    behaviour: Any = handler.unary_stream if handler.response_streaming else handler.unary_unary
    make: Any = grpc.unary_unary_rpc_method_handler
    if handler.response_streaming:
        make = grpc.unary_stream_rpc_method_handler
    forgiving: Handler = make(behaviour, read_or_garbled, handler.response_serializer)
    return forgiving
