"""What a worker has to tell the server, and what it must say again. No I/O, no clock."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from branchline.client.outcomes import failure
from branchline.v1 import task_pb2
from branchline.v1 import task_service_pb2 as pb

_MOST_OUTCOMES: Final = 1_000
_MOST_BYTES: Final = 2 * 1024 * 1024
_FOR_THE_MOMENT: Final = frozenset({"OVERLOADED", "STORE_UNAVAILABLE", "SHUTTING_DOWN"})
_NOT_OURS: Final = frozenset({"LEASE_LOST", "INVALID_TASK_TOKEN"})


class Verdict(Enum):
    """What an acknowledgement means for the worker."""

    SETTLED = auto()
    """The outcome is durable, or was withdrawn by this side."""
    LATER = auto()
    """The server could not take it at the moment: ``repeat`` it after a pause."""
    LOST = auto()
    """The task is no longer this worker's."""
    REPLACED = auto()
    """The server does not take such an outcome; a failure goes in its place."""
    DROPPED = auto()
    """Nor does it take the failure."""


class Outbox:
    """Outcomes, each kept until it is acknowledged, and the latest sign of life of each task."""

    def __init__(self) -> None:
        self._unsent: dict[str, task_pb2.TaskOutcome] = {}
        self._unacknowledged: dict[str, task_pb2.TaskOutcome] = {}
        self._refused_for_now: dict[str, task_pb2.TaskOutcome] = {}
        self._heartbeats: dict[str, task_pb2.TaskHeartbeat] = {}
        self._tell_draining = False
        self.draining = False
        """Whether the worker wants no more tasks."""

    @property
    def tokens(self) -> list[str]:
        """The tasks with outcomes that are not acknowledged."""
        return [*self._unacknowledged, *self._refused_for_now, *self._unsent]

    @property
    def settled(self) -> bool:
        """Whether every outcome is acknowledged."""
        return not (self._unsent or self._unacknowledged or self._refused_for_now)

    def __contains__(self, token: str) -> bool:
        return (
            token in self._unsent or token in self._unacknowledged or token in self._refused_for_now
        )

    def add(self, outcome: task_pb2.TaskOutcome) -> None:
        """Tell how a task ended."""
        self._unsent[outcome.token] = outcome

    def heartbeat(self, token: str, progress: tuple[str, str] | None) -> None:
        """Tell progress (message, JSON text), or a bare sign of life; the latest progress wins."""
        if progress is None:
            if token not in self._heartbeats:
                self._heartbeats[token] = task_pb2.TaskHeartbeat(token=token)
            return
        message, data = progress
        self._heartbeats[token] = task_pb2.TaskHeartbeat(
            token=token, message=message, data_json=data
        )

    def drain(self) -> None:
        """Tell the server, now and on each later stream, that no more tasks are wanted."""
        self.draining = self._tell_draining = True

    def next_message(self) -> pb.StreamTasksRequest | None:
        """Everything that waits, as far as one message takes it; None when nothing does."""
        if not (self._unsent or self._heartbeats or self._tell_draining):
            return None
        message = pb.StreamTasksRequest(draining=self._tell_draining)
        self._tell_draining = False
        if self._heartbeats:
            message.heartbeats.extend(self._heartbeats.values())
            self._heartbeats.clear()
        if self._unsent:
            portion = self._portion()
            message.outcomes.extend(portion.values())
            self._unacknowledged.update(portion)
        return message

    def _portion(self) -> dict[str, task_pb2.TaskOutcome]:
        size = 0
        portion: dict[str, task_pb2.TaskOutcome] = {}
        for token, outcome in self._unsent.items():
            size += outcome.ByteSize()
            if portion and (size > _MOST_BYTES or len(portion) == _MOST_OUTCOMES):
                break
            portion[token] = outcome
        if len(portion) == len(self._unsent):
            self._unsent = {}
        else:
            for token in portion:
                del self._unsent[token]
        return portion

    def acknowledge(self, ack: task_pb2.OutcomeAck) -> Verdict:
        """Take the server's answer to an outcome."""
        outcome = self._unacknowledged.pop(ack.token, None)
        if ack.accepted or outcome is None:
            return Verdict.SETTLED
        if ack.reason in _FOR_THE_MOMENT:
            self._refused_for_now[ack.token] = outcome
            return Verdict.LATER
        if ack.reason in _NOT_OURS:
            return Verdict.LOST
        return self._replace(outcome, ack.reason.lower(), ack.message)

    def repeat(self) -> None:
        """Send again what was refused for the moment."""
        self._unsent.update(self._refused_for_now)
        self._refused_for_now.clear()

    def reconnect(self) -> None:
        """Begin a new stream: everything that is not acknowledged is sent on it, oldest first."""
        self._unsent = {**self._unacknowledged, **self._refused_for_now, **self._unsent}
        self._unacknowledged = {}
        self._refused_for_now = {}
        self._tell_draining = self.draining

    def withdraw(self, token: str) -> None:
        """Forget a task that the server has called off."""
        self._unsent.pop(token, None)
        self._unacknowledged.pop(token, None)
        self._refused_for_now.pop(token, None)
        self._heartbeats.pop(token, None)

    def forget_all(self) -> None:
        """Forget every task: this server knows none of them."""
        for kept in (self._unsent, self._unacknowledged, self._refused_for_now):
            kept.clear()
        self._heartbeats.clear()

    def give_up_largest(self) -> Verdict:
        """A whole message was too large for the server: its largest outcome becomes a failure."""
        if not self._unacknowledged:
            return Verdict.SETTLED
        largest = max(self._unacknowledged.values(), key=task_pb2.TaskOutcome.ByteSize)
        del self._unacknowledged[largest.token]
        text = f"the result is too large for the server: {largest.ByteSize()} bytes"
        return self._replace(largest, "payload_too_large", text)

    def _replace(self, outcome: task_pb2.TaskOutcome, kind: str, message: str) -> Verdict:
        """Without any outcome the task would be held, and never end."""
        if not outcome.HasField("completed"):
            return Verdict.DROPPED
        text = f"the server does not take the result: {message}"
        self.add(failure(outcome.token, kind, text))
        return Verdict.REPLACED
