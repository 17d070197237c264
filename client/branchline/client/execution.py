"""A handle on one execution."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any, Literal, overload

import grpc

from branchline.client import _convert, _json
from branchline.client._awaiting import can_be_named
from branchline.client._ids import new_id
from branchline.client._outage import Outage
from branchline.client._until import until
from branchline.client.connection import Connection
from branchline.client.durations import Length, in_seconds_if_given
from branchline.client.errors import (
    ExecutionCanceled,
    ExecutionFailed,
    NotFound,
    RpcError,
    Unavailable,
)
from branchline.client.types import (
    Event,
    ExecutionInfo,
    ExecutionStatus,
    Failure,
    Progress,
    StepVisit,
)
from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb


class Execution:
    """One execution: ask how it stands, watch it, wait for it, act on it.

    Made by :meth:`Client.start` and :meth:`Client.execution`. Every method raises
    ``ExecutionNotFound`` when there is no such execution (any more), and ``RpcError``.
    """

    __slots__ = ("_connection", "id", "version")

    def __init__(self, connection: Connection, execution_id: str, version: int = 0) -> None:
        self.id = execution_id
        """The execution's id."""
        self.version = version
        """The version that it runs; 0 in a handle made from an id alone."""
        self._connection = connection

    def __repr__(self) -> str:
        return f"<Execution {self.id}>"

    async def describe(self) -> ExecutionInfo:
        """How it stands now, with inputs, branches and suspension (semantics 4.7, 4.8)."""
        return await self._ask(execution_pb2.EXECUTION_VIEW_FULL)

    async def result(self, timeout: Length | None = None) -> dict[str, Any]:
        """Its outputs, as soon as it has completed.

        ``timeout`` is in seconds, or a ``timedelta``; None waits for as long as it takes.

        Raises:
            ExecutionFailed: it failed; the error has the failure's type, message and details.
            ExecutionCanceled: it was cancelled.
            TimeoutError: it is still live; that changes nothing for the execution.

        """
        info = await self.wait(timeout)
        if info.status is ExecutionStatus.COMPLETED:
            return info.outputs or {}
        if info.status is ExecutionStatus.CANCELED:
            raise ExecutionCanceled(self.id)
        raise ExecutionFailed(self.id, info.error or Failure("activity_failed", ""))

    async def wait(self, timeout: Length | None = None) -> ExecutionInfo:
        """How it stands once it has closed, in the basic view.

        ``timeout`` is in seconds, or a ``timedelta``; None waits for as long as it takes.

        Raises:
            TimeoutError: it is still live after that time.

        """
        seconds = in_seconds_if_given(timeout)
        if seconds is None:
            return await self._closed()
        if seconds > 0:
            limit = asyncio.timeout(seconds)
            try:
                async with limit:
                    return await self._closed()
            except TimeoutError:
                if not limit.expired():
                    raise
        info = await self._ask()
        if info.status.closed:
            return info
        raise TimeoutError(f"execution {self.id} is {info.status} after {seconds:g} s")

    async def until(
        self, *statuses: ExecutionStatus | str, timeout: Length | None = None
    ) -> ExecutionInfo:
        """How it stands, in the full view, once it has one of these statuses (semantics 4.7).

        ``timeout`` is in seconds, or a ``timedelta``; None waits for as long as it takes. A
        status that it only passes through may be missed.

        Raises:
            ExecutionFailed: it failed, and that is none of the statuses.
            ExecutionCanceled: it was cancelled, and that is none of them.
            ExecutionClosed: it completed, and that is none of them.
            TimeoutError: it has none of them after that time.
            ValueError: no status is given, or one that there is not.

        """
        return await until(self, statuses, in_seconds_if_given(timeout))

    async def _closed(self) -> ExecutionInfo:
        if not can_be_named(self.id):
            return await self._ask()  # which says why
        return _convert.execution_info(await self._connection.awaiting.closed(self.id))

    async def _ask(
        self, view: execution_pb2.ExecutionView.ValueType = execution_pb2.EXECUTION_VIEW_BASIC
    ) -> ExecutionInfo:
        request = pb.GetExecutionRequest(execution_id=self.id, view=view)
        answer = await self._connection.call(self._connection.executions.GetExecution, request)
        return _convert.execution_info(answer.execution)

    @overload
    def watch(
        self, after: int = 0, *, progress: Literal[True] = True
    ) -> AsyncGenerator[Event | Progress, None]: ...

    @overload
    def watch(self, after: int = 0, *, progress: Literal[False]) -> AsyncGenerator[Event, None]: ...

    async def watch(
        self, after: int = 0, *, progress: bool = True
    ) -> AsyncGenerator[Event | Progress, None]:
        """What happens, from the event after number ``after`` to the close (semantics 12.2).

        Events come in order, each once, also when the connection breaks in between: the
        watch goes on from its last number. Progress comes in between, unless ``progress`` is
        False.

        Raises:
            SequenceOutOfRange: the history is not that long.
            Unavailable: the server was away for longer than the client's timeout.

        """
        outage = Outage(self._connection.timeout)
        while True:
            call = self._connection.executions.WatchExecution(
                pb.WatchExecutionRequest(execution_id=self.id, after_sequence=after)
            )
            try:
                async for answer in call:
                    outage.end()
                    for item in _news(answer, after, progress=progress):
                        after = item.sequence if isinstance(item, Event) else after
                        yield item
            except grpc.aio.AioRpcError as error:
                pause = outage.pause(error)
            else:
                return
            finally:
                call.cancel()
            await asyncio.sleep(pause)
            outage.try_again()

    async def events(self, after: int = 0) -> AsyncIterator[Event]:
        """The stored events after number ``after``, in order (semantics 12.1)."""
        more = True
        while more:
            request = pb.ListEventsRequest(execution_id=self.id, after_sequence=after)
            answer = await self._connection.call(self._connection.executions.ListEvents, request)
            for event in answer.events:
                yield _convert.event(event)
            after = answer.next_after_sequence
            more = after > 0

    async def step_visits(self, after: int = 0) -> AsyncIterator[StepVisit]:
        """Each stay of a branch in a step, in the order in which they began (semantics 12.4).

        Only those with a number above ``after``. It tells of each how it stands now, with its
        last error and what its activity has said last.
        """
        more = True
        while more:
            request = pb.ListStepVisitsRequest(execution_id=self.id, after_number=after)
            answer = await self._connection.call(
                self._connection.executions.ListStepVisits, request
            )
            for visit in answer.visits:
                yield _convert.step_visit(visit)
            after = answer.next_after_number
            more = after > 0

    async def signal(
        self, topic: str, payload: object = None, *, signal_id: str | None = None
    ) -> None:
        """Send a signal (semantics 10.1).

        ``payload`` is a JSON value. Two signals with the same ``signal_id`` are one signal;
        None: the client makes an id, so that it can repeat the call.

        Raises:
            ExecutionClosed: it is too late.
            PayloadTooLarge: the server does not take so large a payload.
            ValueError: the payload cannot be written as JSON.

        """
        request = pb.SignalExecutionRequest(
            execution_id=self.id,
            topic=topic,
            payload_json=_json.encode(payload, "the payload"),
            signal_id=signal_id or new_id(),
        )
        await self._connection.signals.ask(request)

    async def pause(self, branch: str = "", *, reason: str = "") -> None:
        """Pause a branch, or all that are live (semantics 10.5).

        A running activity finishes first. It may be repeated; a new reason replaces the old.

        Raises:
            BranchNotFound: it has no such branch.
            BranchEnded: the branch has ended.
            ExecutionClosed: it has closed.

        """
        request = pb.PauseExecutionRequest(execution_id=self.id, branch=branch, reason=reason)
        await self._connection.call(self._connection.executions.PauseExecution, request)

    async def unpause(self, branch: str = "") -> None:
        """Let a paused branch, or all, go on (semantics 10.5); it may be repeated.

        Raises:
            BranchNotFound: it has no such branch.
            BranchEnded: the branch has ended.
            ExecutionClosed: it has closed.

        """
        request = pb.UnpauseExecutionRequest(execution_id=self.id, branch=branch)
        await self._connection.call(self._connection.executions.UnpauseExecution, request)

    async def cancel(self, reason: str = "") -> None:
        """End it as cancelled (semantics 4.9); cancelling it again changes nothing.

        Raises:
            ExecutionClosed: it has completed or failed.

        """
        request = pb.CancelExecutionRequest(execution_id=self.id, reason=reason)
        await self._connection.call(self._connection.executions.CancelExecution, request)

    async def retry(self) -> None:
        """Take it up again after it has failed (semantics 4.9); what was done stays done.

        Raises:
            NotRetryable: it has not failed, or in a way that a retry cannot mend.

        """
        request = pb.RetryExecutionRequest(execution_id=self.id)
        await self._connection.call(self._connection.executions.RetryExecution, request)

    async def delete(self) -> None:
        """Remove it with its history once it has closed (semantics 4.10).

        Raises:
            ExecutionLive: it is still live.

        """
        unsure: list[RpcError] = []
        try:
            await self._connection.call(
                self._connection.executions.DeleteExecution,
                pb.DeleteExecutionRequest(execution_id=self.id),
                repeating=unsure.append,
            )
        except NotFound:
            # The answer to an earlier try may have been lost: then this is its success.
            if not any(isinstance(error, Unavailable) for error in unsure):
                raise


def _news(
    answer: pb.WatchExecutionResponse, after: int, *, progress: bool
) -> Iterator[Event | Progress]:
    if progress:
        yield from map(_convert.progress, answer.progress)
    for event in answer.events:
        if event.sequence > after:
            yield _convert.event(event)
