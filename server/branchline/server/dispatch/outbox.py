"""What is to be sent on a worker's stream next."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import NamedTuple

from branchline.server.dispatch.payload import TaskPayload
from branchline.server.errors import ServiceError


class CancellationReason(Enum):
    """Why a worker is told to stop a task."""

    WITHDRAWN = auto()
    TIMED_OUT = auto()
    LEASE_LOST = auto()


class Ack(NamedTuple):
    """The answer to an outcome; without an error it is durable."""

    token: str
    error: ServiceError | None


class Delivery(NamedTuple):
    """A task as it goes to a worker."""

    token: str
    idempotency_key: str
    activity: str
    payload: TaskPayload
    number: int
    """Which delivery of the attempt it is, from 1."""
    deadline: int | None
    """When the attempt is timed out, microseconds since the epoch."""
    heartbeat_timeout: int | None
    """Microseconds."""


class RecordAnswer(NamedTuple):
    """The answer to a record; without an error it is durable."""

    token: str
    key: str
    error: ServiceError | None


class Outgoing(NamedTuple):
    """Everything that waits to be sent to a worker."""

    deliveries: list[Delivery]
    acks: list[Ack]
    cancellations: list[tuple[str, CancellationReason]]
    records: list[RecordAnswer]


class WorkerOutbox:
    """Deliveries, acknowledgements and cancellations for one worker.

    Its size is bounded by what the worker itself has sent and may hold: nobody reads more of
    a worker's messages while too many answers to it wait (``crowded``).
    """

    _MOST_ANSWERS = 5_000

    def __init__(self) -> None:
        self._deliveries: list[Delivery] = []
        self._acks: list[Ack] = []
        self._records: list[RecordAnswer] = []
        self._cancellations: list[tuple[str, CancellationReason]] = []
        self._unanswered = 0
        self._finishing = False
        self.closed: ServiceError | None = None
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()

    def deliver(self, delivery: Delivery) -> None:
        """Send a task."""
        self._deliveries.append(delivery)
        self._filled.set()

    def expect(self, answers: int) -> None:
        """So many outcomes have come in and will be answered."""
        self._unanswered += answers

    def acknowledge(self, token: str, error: ServiceError | None) -> None:
        """Answer an outcome that was expected."""
        self._unanswered -= 1
        self._acks.append(Ack(token, error))
        self._filled.set()

    def answer_record(self, token: str, key: str, error: ServiceError | None) -> None:
        """Answer a record that was expected."""
        self._unanswered -= 1
        self._records.append(RecordAnswer(token, key, error))
        self._filled.set()

    def cancel(self, token: str, reason: CancellationReason) -> None:
        """Tell the worker to stop a task."""
        self._cancellations.append((token, reason))
        self._filled.set()

    def close(self, error: ServiceError) -> None:
        """End the stream with an error."""
        self.closed = error
        self._filled.set()
        self._emptied.set()

    def finish(self) -> None:
        """End the stream in order once every outcome is answered."""
        self._finishing = True
        self._filled.set()

    @property
    def done(self) -> bool:
        """Whether the stream is to end now."""
        finished = self._finishing and not self._unanswered and not self._acks and not self._records
        return finished or self.closed is not None

    @property
    def has_tasks(self) -> bool:
        """Whether tasks wait to be sent."""
        return bool(self._deliveries)

    def stir(self) -> None:
        """Have whoever waits look again."""
        self._filled.set()

    async def wait(self) -> None:
        """Wait until there is something to send, or the stream is to end."""
        await self._filled.wait()
        self._filled.clear()

    async def uncrowded(self) -> None:
        """Wait while the worker has too many answers to read."""
        while self._answers > self._MOST_ANSWERS and self.closed is None:
            self._emptied.clear()
            await self._emptied.wait()

    def take(self) -> Outgoing:
        """Everything that waits; it is the caller's now."""
        taken = Outgoing(self._deliveries, self._acks, self._cancellations, self._records)
        self._deliveries, self._acks, self._cancellations, self._records = [], [], [], []
        self._emptied.set()
        return taken

    @property
    def _answers(self) -> int:
        """How many answers the worker has to read, now or soon."""
        waiting = len(self._acks) + len(self._records) + len(self._cancellations)
        return self._unanswered + waiting
