"""Waiting for executions to close: one stream for all that a client waits for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import grpc

from branchline.client._outage import Outage
from branchline.client._refusals import unknown_execution
from branchline.client.errors import RpcError
from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb

if TYPE_CHECKING:  # the stub's type is not there at run time
    from branchline.v1.execution_service_pb2_grpc import ExecutionServiceAsyncStub

_MOST_IDS: Final = 1_000
_MOST_A_STREAM: Final = 50_000
"""The server takes twice as many: some that are not waited for any more may be among them."""
_NAMEABLE: Final = re.compile(r"[^\0\ud800-\udfff]{1,1000}")
_PAUSE: Final = 1.0
"""Seconds until another stream after one that has ended without an error."""

_Call = grpc.aio.StreamStreamCall[Any, Any]
_Waiter = asyncio.Future[execution_pb2.Execution]


class Awaiting:
    """The executions that somebody in this process waits for."""

    def __init__(self, executions: ExecutionServiceAsyncStub, timeout: float) -> None:
        self._executions = executions
        self._timeout = timeout
        """Seconds that the server may be away."""
        self._streams: list[_Stream] = []

    async def closed(self, execution_id: str) -> execution_pb2.Execution:
        """The execution once it has closed, in the basic view.

        Its id must be one that ``can_be_named``.

        Raises:
            ExecutionNotFound: there is no such execution.
            RpcError: the server was away for longer than the timeout.

        """
        return await self._stream_for(execution_id).closed(execution_id)

    async def close(self) -> None:
        """End all waits."""
        for stream in self._streams:
            await stream.close()

    def _stream_for(self, execution_id: str) -> _Stream:
        for stream in self._streams:
            if stream.has_room_for(execution_id):
                return stream
        self._streams.append(_Stream(self._executions, self._timeout))
        return self._streams[-1]


def can_be_named(execution_id: str) -> bool:
    """Whether the server lets an execution be named among others.

    It ends the stream of whoever names one that it does not, and with it the waits for all others.
    """
    return _NAMEABLE.fullmatch(execution_id) is not None


class _Stream:
    """Executions that are waited for on one stream.

    It is opened when there are any. When it breaks, another one names those that are still
    missing.
    """

    def __init__(self, executions: ExecutionServiceAsyncStub, timeout: float) -> None:
        self._executions = executions
        self._timeout = timeout
        """Seconds that the server may be away."""
        self._waiters: dict[str, set[_Waiter]] = {}
        self._new: set[str] = set()
        self._forgotten: set[str] = set()
        self._said = asyncio.Event()
        """Set while there is something to tell the server."""
        self._streaming: asyncio.Task[None] | None = None

    def has_room_for(self, execution_id: str) -> bool:
        """Whether it can be waited for here."""
        return execution_id in self._waiters or len(self._waiters) < _MOST_A_STREAM

    async def closed(self, execution_id: str) -> execution_pb2.Execution:
        """See Awaiting."""
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        self._add(execution_id, waiter)
        try:
            return await waiter
        finally:
            self._remove(execution_id, waiter)

    async def close(self) -> None:
        """End it; whoever waits is told."""
        if self._streaming is not None:
            self._streaming.cancel()
            await asyncio.wait([self._streaming])
        self._fail(_closed_client())  # the task may not have begun

    def _add(self, execution_id: str, waiter: _Waiter) -> None:
        waiters = self._waiters.setdefault(execution_id, set())
        waiters.add(waiter)
        if len(waiters) == 1:
            self._say(execution_id, self._new, self._forgotten)
        if self._streaming is None or self._streaming.done():
            self._streaming = asyncio.create_task(self._stream())

    def _remove(self, execution_id: str, waiter: _Waiter) -> None:
        waiters = self._waiters.get(execution_id, set())
        waiters.discard(waiter)
        if not waiters and self._waiters.pop(execution_id, None) is not None:
            self._say(execution_id, self._forgotten, self._new)

    def _say(self, execution_id: str, says: set[str], instead_of: set[str]) -> None:
        """What was not said yet need not be taken back."""
        if execution_id in instead_of:
            instead_of.discard(execution_id)
        else:
            says.add(execution_id)
            self._said.set()

    async def _stream(self) -> None:
        outage = Outage(self._timeout)
        try:
            while self._waiters:
                await self._follow(outage)
        except asyncio.CancelledError:
            self._fail(_closed_client())
            raise
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self._fail(error)

    async def _follow(self, outage: Outage) -> None:
        """Have one stream tell of all. Raises ``RpcError`` when no other shall be tried."""
        self._new, self._forgotten = set(self._waiters), set()
        self._said.set()
        call: _Call = self._executions.AwaitExecutions()
        naming = asyncio.create_task(self._name(call))
        pause = _PAUSE
        try:
            async for answer in call:
                outage.end()
                self._take(answer)
        except grpc.aio.AioRpcError as error:
            pause = outage.pause(error)
        finally:
            naming.cancel()
            call.cancel()
        await asyncio.sleep(pause)
        outage.try_again()

    async def _name(self, call: _Call) -> None:
        """Tell the server whom to wait for, until the stream breaks."""
        try:
            while True:
                await self._said.wait()
                self._said.clear()
                new, self._new = self._new, set()
                forgotten, self._forgotten = self._forgotten, set()
                for ids in _portions(forgotten):
                    await call.write(pb.AwaitExecutionsRequest(forgotten_ids=ids))
                for ids in _portions(new):
                    await call.write(pb.AwaitExecutionsRequest(execution_ids=ids))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # whoever reads the stream is told why it broke

    def _take(self, answer: pb.AwaitExecutionsResponse) -> None:
        for execution in answer.executions:
            for waiter in self._take_waiters(execution.id):
                waiter.set_result(execution)
        for execution_id in answer.unknown_ids:
            for waiter in self._take_waiters(execution_id):
                waiter.set_exception(unknown_execution(execution_id))

    def _take_waiters(self, execution_id: str) -> list[_Waiter]:
        # The server has done with it: there is nothing to take back, and nothing to ask again.
        self._new.discard(execution_id)
        self._forgotten.discard(execution_id)
        return [each for each in self._waiters.pop(execution_id, ()) if not each.done()]

    def _fail(self, error: Exception) -> None:
        for execution_id in list(self._waiters):
            for waiter in self._take_waiters(execution_id):
                waiter.set_exception(error)


def _closed_client() -> RpcError:
    return RpcError("the client was closed while it waited", code="CANCELLED")


def _portions(ids: Iterable[str]) -> Iterator[list[str]]:
    rest = list(ids)
    for first in range(0, len(rest), _MOST_IDS):
        yield rest[first : first + _MOST_IDS]
