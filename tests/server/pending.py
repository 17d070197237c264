"""Tasks and dispatchers for tests without a server."""

from __future__ import annotations

from branchline.engine.values import encode
from branchline.server.dispatch import (
    Delivery,
    Dispatcher,
    Offer,
    PendingTask,
    TaskKey,
    TaskPayload,
    TaskToken,
    TokenMaker,
    WorkerOutbox,
)
from tests.server.clocks import HandClock

LEASE = 10.0
WORK: Offer = ("default", "work")
REST: Offer = ("default", "rest")
TOKENS = TokenMaker("0123456789abcdef")
SECOND = 1_000_000


def pending(
    number: int,
    offer: Offer = WORK,
    *,
    timeout: int | None = None,
    heartbeat_timeout: int | None = None,
    schedule_timeout: int | None = None,
) -> PendingTask:
    """A task of an execution whose key is 7."""
    payload = TaskPayload("exec_7", "flow", 1, "main", "step", 1, encode({}))
    return PendingTask(
        TaskKey(7, number),
        offer,
        payload,
        timeout=timeout,
        heartbeat_timeout=heartbeat_timeout,
        schedule_timeout=schedule_timeout,
    )


def dispatcher_of(clock: HandClock) -> Dispatcher:
    """A dispatcher without tasks and workers."""
    return Dispatcher(clock, TOKENS, LEASE)


def hand_out(dispatcher: Dispatcher, *tasks: PendingTask) -> None:
    """A turn whose commit goes well: offer tasks, assign what waits, deliver it."""
    dispatcher.offer(tasks)
    dispatcher.deliver(dispatcher.assign())


def deliveries(outbox: WorkerOutbox) -> list[Delivery]:
    """What was sent to a worker since the last look."""
    return outbox.take()[0]


def numbers(outbox: WorkerOutbox) -> list[int]:
    """The numbers of the tasks that were sent to a worker since the last look."""
    return [token_of(delivery).task for delivery in deliveries(outbox)]


def token_of(delivery: Delivery) -> TaskToken:
    """The token of a delivery."""
    return TOKENS.read(delivery.token)
