"""Tasks and the answers to workers as messages."""

from __future__ import annotations

from branchline.server.dispatch import Ack, CancellationReason, Delivery
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
    return pb.Task(
        token=delivery.token,
        execution_id=payload.execution_id,
        workflow=payload.workflow,
        version=payload.version,
        branch=payload.branch,
        step=payload.step,
        activity=delivery.activity,
        attempt=payload.attempt,
        delivery=delivery.number,
        item=payload.item,
        parameters_json=bytes(payload.parameters).decode(),
        deadline=timestamp(delivery.deadline),
        heartbeat_timeout=duration(delivery.heartbeat_timeout),
    )


def ack_message(ack: Ack) -> pb.OutcomeAck:
    """The answer to an outcome."""
    if ack.error is None:
        return pb.OutcomeAck(token=ack.token, accepted=True)
    return pb.OutcomeAck(token=ack.token, reason=ack.error.reason, message=ack.error.message)


def cancellation_message(token: str, reason: CancellationReason) -> pb.TaskCancellation:
    """Tells a worker to stop."""
    return pb.TaskCancellation(token=token, reason=_REASONS[reason])
