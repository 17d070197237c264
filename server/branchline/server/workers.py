"""Workers as the server deals with them: streams, polls, reports and signs of life."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from branchline.engine.events import Progress
from branchline.engine.values import NULL, Json, Variables
from branchline.server.clock import Clock
from branchline.server.dispatch import (
    Delivery,
    Dispatcher,
    Offer,
    PendingTask,
    TaskKey,
    TaskToken,
    Worker,
    WorkerOutbox,
)
from branchline.server.errors import Reason, ServiceError, shutting_down
from branchline.server.reading import guarded
from branchline.server.runtime import Live, ReportOutcome, ReportRecord, Runtime, View
from branchline.server.subscriptions import ProgressNote, Subscriptions

_ONE_TURN = 0.05
"""Seconds that even a poll that does not wait gives the runtime to assign what is there."""


async def _nothing_to_adopt(_tokens: Sequence[TaskToken]) -> None:
    """There is no other server."""


async def _nothing_to_find(_token: TaskToken) -> None:
    """There is no other server."""


def _nobody_to_tell(_key: TaskKey, _execution_id: str, _note: ProgressNote) -> None:
    """There is no other server."""


class BranchState(NamedTuple):
    """What an activity may read of its branch."""

    variables: Variables
    inputs: Variables


class Workers:
    """What workers may ask and tell."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        runtime: Runtime,
        subscriptions: Subscriptions,
        clock: Clock,
    ) -> None:
        self._dispatcher = dispatcher
        self._runtime = runtime
        self._subscriptions = subscriptions
        self._clock = clock
        self.adopt: Callable[[Sequence[TaskToken]], Awaitable[None]] = _nothing_to_adopt
        """Takes deliveries from whichever server has them, where there can be others."""
        self.find: Callable[[TaskToken], Awaitable[PendingTask | None]] = _nothing_to_find
        """Looks at a delivery that another server has, and leaves it there."""
        self.relay: Callable[[TaskKey, str, ProgressNote], None] = _nobody_to_tell
        """Tells other servers what activities say."""
        self._outboxes: set[WorkerOutbox] = set()
        self._closing = False

    @property
    def lease(self) -> float:
        """How long a worker may be silent, seconds."""
        return self._dispatcher.lease

    async def connect(
        self, worker_id: str, offers: tuple[Offer, ...], room: int, held: list[TaskToken]
    ) -> tuple[Worker, WorkerOutbox]:
        """A worker has opened a stream. Raises ``ServiceError`` when the server is closing."""
        if held:
            await guarded(self.adopt(held))
        if self._closing:
            raise shutting_down()
        worker, outbox = self._dispatcher.connect(worker_id, offers, room, held)
        self._outboxes.add(outbox)
        self._runtime.poke()
        return worker, outbox

    def disconnect(self, worker: Worker, outbox: WorkerOutbox) -> None:
        """A worker's stream has ended, or its poll."""
        self._outboxes.discard(outbox)
        self._dispatcher.disconnect(worker, outbox)
        self._dispatcher.take_unsent(outbox)
        self._runtime.poke()

    async def poll(
        self, worker_id: str, offers: tuple[Offer, ...], room: int, wait: float
    ) -> list[Delivery]:
        """Tasks for a worker without a stream, as soon as there is one."""
        if self._closing:
            raise shutting_down()
        worker, outbox = self._dispatcher.connect_once(worker_id, offers, room)
        self._outboxes.add(outbox)
        self._runtime.poke()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(wait, _ONE_TURN)):
                    while not outbox.has_tasks and outbox.closed is None:
                        await outbox.wait()
            self._dispatcher.drain(worker, outbox)
            while worker.promised and outbox.closed is None:
                await outbox.wait()
            if outbox.closed is not None:
                raise outbox.closed
            return outbox.take().deliveries
        finally:
            self.disconnect(worker, outbox)

    def seen(self, worker: Worker, outbox: WorkerOutbox) -> None:
        """A worker gave a sign of life on a stream."""
        if self._dispatcher.seen(worker, outbox):
            self._runtime.poke()

    def drain(self, worker: Worker, outbox: WorkerOutbox) -> None:
        """A worker wants no more tasks on a stream."""
        self._dispatcher.drain(worker, outbox)

    async def branch_state(self, token: TaskToken) -> BranchState:
        """The variables of a task's branch (semantics 7.9).

        Raises ``ServiceError`` when the task's lease has ended.
        """
        # Its worker may have a stream at another server, which goes on to look after it.
        task = self._dispatcher.heartbeat(token) or await guarded(self.find(token))
        if task is None:
            raise ServiceError(Reason.LEASE_LOST, "the task's lease has ended")
        payload = task.payload

        def look(live: Live) -> BranchState:
            state = live.state
            return BranchState(dict(state.branches[payload.branch].variables), state.inputs)

        view = View(payload.execution_id, look)
        self._runtime.submit_urgent(view)
        return await view.reply.future

    def report(self, request: ReportOutcome | ReportRecord) -> None:
        """Take in an outcome or a record."""
        self._runtime.submit_urgent(request)

    async def take_up(self, tokens: Sequence[TaskToken]) -> None:
        """Before signs of life: take those deliveries that other servers have.

        Raises ``ServiceError`` when it cannot be told who has them.
        """
        await guarded(self.adopt(tokens))

    def heartbeat(self, token: TaskToken, message: str, data: Json) -> bool:
        """A task's code gave a sign of life; whether its lease still stands."""
        task = self._dispatcher.heartbeat(token)
        if task is None:
            return False
        if message or data != NULL:
            payload, now = task.payload, self._clock.now()
            progress = Progress(message, data, now, payload.item)
            self._dispatcher.progress.tell(task.key, payload.branch, progress)
            note = ProgressNote(
                branch=payload.branch,
                step=payload.step,
                activity=task.activity,
                item=payload.item,
                attempt=payload.attempt,
                message=message,
                data=data,
                time=now,
            )
            self._subscriptions.publish_progress(payload.execution_id, note)
            self.relay(task.key, payload.execution_id, note)
        return True

    def reset(self) -> None:
        """End all streams, so that workers connect again and tell what they hold."""
        message = "the server has lost touch with the others; connect again"
        for outbox in self._outboxes:
            outbox.close(ServiceError(Reason.STORE_UNAVAILABLE, message))

    def close(self) -> None:
        """End all streams, so that workers connect elsewhere or again."""
        self._closing = True
        for outbox in self._outboxes:
            outbox.close(shutting_down())
