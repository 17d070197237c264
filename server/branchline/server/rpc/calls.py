"""What every call has in common: errors become statuses, and faults are logged."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar, cast

import grpc
import structlog

from branchline.server.errors import ServiceError, internal
from branchline.server.rpc.garbled import Garbled
from branchline.server.rpc.status import abort

log = structlog.get_logger(__name__)

_Self = TypeVar("_Self")
_Request = TypeVar("_Request")
_Response = TypeVar("_Response")

Context = grpc.aio.ServicerContext[Any, Any]


def unary(
    method: Callable[[_Self, _Request, Context], Awaitable[_Response]],
) -> Callable[[_Self, _Request, Context], Awaitable[_Response]]:
    """A call with one answer."""

    @functools.wraps(method)
    async def call(self: _Self, request: _Request, context: Context) -> _Response:
        try:
            _refuse_garbled(request)
            return await method(self, request, context)
        except ServiceError as error:
            await abort(context, error)
        except Exception:
            log.exception("call failed", method=method.__name__)
            await abort(context, internal())

    return call


def streaming(
    method: Callable[[_Self, _Request, Context], AsyncIterator[_Response]],
) -> Callable[[_Self, _Request, Context], AsyncIterator[_Response]]:
    """A call with a stream of answers."""

    @functools.wraps(method)
    async def call(self: _Self, request: _Request, context: Context) -> AsyncIterator[_Response]:
        # The streams of all methods are generators, and the end of a call ends them at once.
        stream = cast("AsyncGenerator[_Response]", method(self, request, context))
        try:
            _refuse_garbled(request)
            async with aclosing(stream):
                async for response in stream:
                    yield response
        except ServiceError as error:
            await abort(context, error)
        except Exception:
            log.exception("call failed", method=method.__name__)
            await abort(context, internal())

    return call


def _refuse_garbled(request: object) -> None:
    if isinstance(request, Garbled):
        raise request.error
