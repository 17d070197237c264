"""What activities were asked to do in a rehearsal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from branchline.client.activities import Activity
from branchline.v1 import task_pb2


@dataclass(eq=False, kw_only=True)
class Attempt:
    """One attempt of an activity; its deliveries after a wait or a crash belong to it."""

    execution: str
    """The execution's id."""
    activity: str
    branch: str
    step: str
    item: int | None
    """The item's index from 0, in a step with ``each``."""
    number: int
    """From 1."""
    parameters: dict[str, Any]
    idempotency_key: str
    started: datetime
    """When it was first delivered."""
    deliveries: int = 1
    """How often it was delivered."""


@dataclass(eq=False)
class Work:
    """An attempt that has begun, and who performs it."""

    attempt: Attempt
    performer: Activity


def begun(message: task_pb2.Task, performer: Activity, now: datetime) -> Work:
    """The work that begins with the first delivery of an attempt."""
    attempt = Attempt(
        execution=message.execution_id,
        activity=message.activity,
        branch=message.branch,
        step=message.step,
        item=message.item if message.HasField("item") else None,
        number=message.attempt,
        parameters=msgspec.json.decode(message.parameters_json),
        idempotency_key=message.idempotency_key,
        started=now,
    )
    return Work(attempt, performer)
