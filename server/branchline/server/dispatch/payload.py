"""What a task is called and what it tells its worker."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

Offer = tuple[str, str]
"""A task queue and an activity's name."""


class TaskKey(NamedTuple):
    """Names a task in the whole database."""

    execution_key: int
    task: int


class TaskPayload(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a task tells its worker, as it is stored (semantics 7.2)."""

    execution_id: str
    workflow: str
    version: int
    branch: str
    step: str
    attempt: int
    parameters: msgspec.Raw
    visit: int = 0
    """The number of the step visit (semantics 12.4)."""
    item: int | None = None
    recorded: dict[str, msgspec.Raw] = {}
    """Values by key, from earlier deliveries and attempts (semantics 7.8)."""
    received: dict[str, msgspec.Raw] = {}
    """Payloads of signals by the key of the wait (semantics 7.7)."""
    timed_out: tuple[str, ...] = ()
    """The waits of this attempt that ran out."""
