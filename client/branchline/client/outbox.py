"""What a worker has to tell the server, and what it must say again. No I/O, no clock."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from branchline.client.outcomes import failure
from branchline.client.resending import Resending
from branchline.v1 import task_pb2
from branchline.v1 import task_service_pb2 as pb

_FOR_THE_MOMENT: Final = frozenset({"OVERLOADED", "STORE_UNAVAILABLE", "SHUTTING_DOWN"})
_NOT_OURS: Final = frozenset({"LEASE_LOST", "INVALID_TASK_TOKEN"})
_REPLACED: Final = {"completed": "result", "waiting": "wait"}
"""The outcomes that become a failure when they are refused, as people call them."""


class Verdict(Enum):
    """What an acknowledgement means for the worker."""

    SETTLED = auto()
    """What was told is durable, or was withdrawn by this side."""
    LATER = auto()
    """The server could not take it at the moment: ``repeat`` it after a pause."""
    LOST = auto()
    """The task is no longer this worker's."""
    REPLACED = auto()
    """The server does not take such an outcome; a failure goes in its place."""
    DROPPED = auto()
    """Nor does it take the failure. Of a record: the activity is told."""


class Outbox:
    """Outcomes and records, each kept until it is acknowledged, and the latest signs of life."""

    def __init__(self) -> None:
        self._outcomes: Resending[str, task_pb2.TaskOutcome] = Resending()
        self._records: Resending[tuple[str, str], task_pb2.TaskRecord] = Resending()
        """By token and key."""
        self._heartbeats: dict[str, task_pb2.TaskHeartbeat] = {}
        self._tell_draining = False
        self.draining = False
        """Whether the worker wants no more tasks."""

    @property
    def tokens(self) -> list[str]:
        """The tasks with outcomes that are not acknowledged."""
        return self._outcomes.names

    @property
    def settled(self) -> bool:
        """Whether every outcome is acknowledged."""
        return self._outcomes.settled

    def __contains__(self, token: str) -> bool:
        return token in self._outcomes

    def add(self, outcome: task_pb2.TaskOutcome) -> None:
        """Tell how a task ended."""
        self._outcomes.add(outcome.token, outcome)

    def record(self, record: task_pb2.TaskRecord) -> None:
        """Tell a value that an activity records."""
        self._records.add((record.token, record.key), record)

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
        outcomes, records = self._outcomes.some_unsent, self._records.some_unsent
        if not (outcomes or records or self._heartbeats or self._tell_draining):
            return None
        message = pb.StreamTasksRequest(draining=self._tell_draining)
        self._tell_draining = False
        if self._heartbeats:
            message.heartbeats.extend(self._heartbeats.values())
            self._heartbeats.clear()
        if records:
            message.records.extend(self._records.send())
        if outcomes:
            message.outcomes.extend(self._outcomes.send())
        return message

    def acknowledge(self, ack: task_pb2.OutcomeAck) -> Verdict:
        """Take the server's answer to an outcome."""
        outcome = self._outcomes.acknowledge(ack.token)
        if ack.accepted or outcome is None:
            return Verdict.SETTLED
        if ack.reason in _FOR_THE_MOMENT:
            self._outcomes.keep_for_later(ack.token, outcome)
            return Verdict.LATER
        if ack.reason in _NOT_OURS:
            return Verdict.LOST
        return self._replace(outcome, ack.reason.lower(), ack.message)

    def acknowledge_record(self, ack: task_pb2.RecordAck) -> Verdict:
        """Take the server's answer to a record."""
        name = ack.token, ack.key
        record = self._records.acknowledge(name)
        if ack.accepted or record is None:
            return Verdict.SETTLED
        if ack.reason in _FOR_THE_MOMENT:
            self._records.keep_for_later(name, record)
            return Verdict.LATER
        return Verdict.LOST if ack.reason in _NOT_OURS else Verdict.DROPPED

    def repeat(self) -> None:
        """Send again what was refused for the moment."""
        self._outcomes.repeat()
        self._records.repeat()

    def reconnect(self) -> None:
        """Begin a new stream: everything that is not acknowledged is sent on it, oldest first."""
        self._outcomes.reconnect()
        self._records.reconnect()
        self._tell_draining = self.draining

    def withdraw(self, token: str) -> None:
        """Forget a task that the server has called off."""
        self._outcomes.withdraw(token)
        self._heartbeats.pop(token, None)
        for name in self._records.names:
            if name[0] == token:
                self._records.withdraw(name)

    def forget_all(self) -> None:
        """Forget every task: this server knows none of them."""
        self._outcomes.forget_all()
        self._records.forget_all()
        self._heartbeats.clear()

    def give_up_largest(self) -> task_pb2.RecordAck | None:
        """A whole message was too large for the server: give its largest part up.

        An outcome becomes a failure. Of a record this is the answer, for its activity.
        """
        outcome = self._outcomes.largest_unacknowledged()
        record = self._records.largest_unacknowledged()
        if record is not None and (outcome is None or record[0] > outcome[0]):
            return self._give_up_record(*record)
        if outcome is not None:
            self._give_up_outcome(*outcome)
        return None

    def _give_up_record(self, size: int, name: tuple[str, str]) -> task_pb2.RecordAck:
        self._records.withdraw(name)
        token, key = name
        return task_pb2.RecordAck(
            token=token, key=key, reason="PAYLOAD_TOO_LARGE", message=f"it has {size} bytes"
        )

    def _give_up_outcome(self, size: int, token: str) -> None:
        outcome = self._outcomes.acknowledge(token)
        if outcome is not None:
            text = f"the result is too large for the server: {size} bytes"
            self._replace(outcome, "payload_too_large", text)

    def _replace(self, outcome: task_pb2.TaskOutcome, kind: str, message: str) -> Verdict:
        """Without any outcome the task would be held, and never end."""
        what = _REPLACED.get(outcome.WhichOneof("outcome") or "")
        if what is None:
            return Verdict.DROPPED
        text = f"the server does not take the {what}: {message}"
        self.add(failure(outcome.token, kind, text))
        return Verdict.REPLACED
