"""What comes to an execution from outside."""

from __future__ import annotations

import msgspec

from branchline.engine.events import Failure
from branchline.engine.state import Status
from branchline.engine.values import NULL, Json, Variables


class Command(msgspec.Struct, frozen=True):
    """Base of all commands."""


class CompleteTask(Command, frozen=True):
    """An attempt succeeded (semantics 7.4)."""

    task: int
    result: Json = NULL
    set: Variables = {}
    remove: tuple[str, ...] = ()


class FailTask(Command, frozen=True):
    """An attempt failed, ran out of time, or lost its worker."""

    task: int
    error: Failure


class WaitInTask(Command, frozen=True):
    """An attempt waits for a signal in mid-work (semantics 7.7)."""

    task: int
    key: str
    topic: str
    timeout: int
    """Microseconds."""
    deliveries: int = 0
    """How often the attempt has been delivered so far."""


class RecordValue(Command, frozen=True):
    """An activity records a value (semantics 7.8)."""

    task: int
    key: str
    value: Json = NULL


class Signal(Command, frozen=True):
    """Somebody sends a signal (semantics 10.1)."""

    topic: str
    payload: Json = NULL
    signal_id: str = ""


class Wake(Command, frozen=True):
    """The earliest due time of the execution has come."""


class Cancel(Command, frozen=True):
    """Somebody cancels the execution (semantics 4.9)."""

    reason: str = ""


class Pause(Command, frozen=True):
    """Somebody pauses a branch, or all (semantics 10.5)."""

    branch: str = ""
    """Empty for all live branches."""
    reason: str = ""


class Unpause(Command, frozen=True):
    """Somebody lets a branch, or all, go on (semantics 10.5)."""

    branch: str = ""
    """Empty for all live branches."""


class Retry(Command, frozen=True):
    """Somebody takes a failed execution up again (semantics 4.9)."""


class ChildBegan(Command, frozen=True):
    """A child, or a follow-up, that was asked for exists now (semantics 11.3)."""

    child: int
    execution: str


class ChildRefused(Command, frozen=True):
    """A child, or a follow-up, that was asked for cannot be started."""

    child: int
    error: Failure


class ChildClosed(Command, frozen=True):
    """A child has closed (semantics 11.1)."""

    child: int
    status: Status
    outputs: Variables = {}
    error: Failure | None = None
    duration: int = 0
    """Microseconds."""


AnyCommand = (
    CompleteTask
    | FailTask
    | WaitInTask
    | RecordValue
    | Signal
    | Wake
    | Cancel
    | Pause
    | Unpause
    | Retry
    | ChildBegan
    | ChildRefused
    | ChildClosed
)
