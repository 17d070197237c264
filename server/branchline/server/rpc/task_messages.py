"""Tasks and the answers to workers as messages."""

from __future__ import annotations

from branchline.engine.values import Variables
from branchline.server.dispatch import Ack, CancellationReason, Delivery, RecordAnswer
from branchline.server.rpc.checks import duration, timestamp
from branchline.v1 import task_pb2 as pb

_REASONS = {
    CancellationReason.WITHDRAWN: pb.TASK_CANCELLATION_REASON_WITHDRAWN,
    CancellationReason.TIMED_OUT: pb.TASK_CANCELLATION_REASON_TIMED_OUT,
    CancellationReason.LEASE_LOST: pb.TASK_CANCELLATION_REASON_LEASE_LOST,
}


def task_message(delivery: Delivery) -> pb.Task:
    """A task for its worker."""
    payload = delivery.payload
    message = pb.Task(
        token=delivery.token,
        execution_id=payload.execution_id,
        workflow=payload.workflow,
        version=payload.version,
        branch=payload.branch,
        step=payload.step,
        activity=delivery.activity,
        attempt=payload.attempt,
        delivery=delivery.number,
        parameters_json=bytes(payload.parameters).decode(),
        idempotency_key=delivery.idempotency_key,
    )
    # What most tasks lack would cost more than all the rest, even given as None or empty.
    if payload.item is not None:
        message.item = payload.item
    if delivery.deadline is not None:
        message.deadline.CopyFrom(timestamp(delivery.deadline))
    if delivery.heartbeat_timeout is not None:
        message.heartbeat_timeout.CopyFrom(duration(delivery.heartbeat_timeout))
    if payload.recorded:
        message.recorded_json.update(_texts(payload.recorded))
    if payload.received:
        message.received_json.update(_texts(payload.received))
    if payload.timed_out:
        message.timed_out_waits.extend(payload.timed_out)
    return message


def ack_message(ack: Ack) -> pb.OutcomeAck:
    """The answer to an outcome."""
    if ack.error is None:
        return pb.OutcomeAck(token=ack.token, accepted=True)
    return pb.OutcomeAck(token=ack.token, reason=ack.error.reason, message=ack.error.message)


def record_ack_message(answer: RecordAnswer) -> pb.RecordAck:
    """The answer to a record."""
    token, key, error = answer
    if error is None:
        return pb.RecordAck(token=token, key=key, accepted=True)
    return pb.RecordAck(token=token, key=key, reason=error.reason, message=error.message)


def _texts(documents: Variables) -> dict[str, str]:
    return {key: bytes(document).decode() for key, document in documents.items()}


def cancellation_message(token: str, reason: CancellationReason) -> pb.TaskCancellation:
    """Tells a worker to stop."""
    return pb.TaskCancellation(token=token, reason=_REASONS[reason])
