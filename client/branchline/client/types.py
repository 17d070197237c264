"""What the SDK tells: plain, immutable values.

JSON documents are decoded: objects are ``dict``, and every integer keeps its digits. Times are
``datetime`` with a time zone (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

_CLOSED = frozenset({"COMPLETED", "FAILED", "CANCELED"})


class ExecutionStatus(StrEnum):
    """How an execution stands (semantics 4.7)."""

    UNKNOWN = "UNKNOWN"
    """A status that this version of the SDK does not know."""
    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"

    @property
    def closed(self) -> bool:
        """Whether nothing more can happen."""
        return self in _CLOSED


class BranchStatus(StrEnum):
    """How a branch stands (semantics 4.7)."""

    UNKNOWN = "UNKNOWN"
    """A status that this version of the SDK does not know."""
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    SUSPENDED = "SUSPENDED"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"

    @property
    def closed(self) -> bool:
        """Whether nothing more can happen."""
        return self in _CLOSED


class SuspensionReason(StrEnum):
    """What a dormant branch waits for (semantics 4.8)."""

    UNKNOWN = "UNKNOWN"
    """A reason that this version of the SDK does not know."""
    PAUSED = "PAUSED"
    SLEEPING = "SLEEPING"
    WAITING_SIGNAL = "WAITING_SIGNAL"
    WAITING_CHILD = "WAITING_CHILD"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of an execution, a branch or an attempt (semantics 8.1)."""

    type: str
    """What ``retry`` and ``catch`` match."""
    message: str
    """What happened, for people."""
    details: Any = None
    """More, for programs: a JSON value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DormantBranch:
    """Why one branch does not move."""

    branch: str
    step: str
    reason: SuspensionReason
    topic: str = ""
    """What it waits for, when that is a signal."""
    wake_time: datetime | None = None
    """When it goes on by itself: the end of its sleep, or its wait's time limit."""
    pause_reason: str = ""
    """Why it is paused, as the step or the caller said."""
    children: tuple[str, ...] = ()
    """The ids of the executions that it waits for, 100 at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """Why no branch of an execution moves (semantics 4.8)."""

    reason: SuspensionReason
    """The dominant reason: paused before sleeping before a signal before a child."""
    topics: tuple[str, ...] = ()
    wake_time: datetime | None = None
    """The earliest time at which a branch goes on by itself."""
    branches: tuple[DormantBranch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchInfo:
    """One thread of an execution, with its own variables."""

    id: str
    name: str
    """The name that an edge gave it, empty for an unnamed branch."""
    parent: str
    """The branch that started it, empty for ``main``."""
    status: BranchStatus
    step: str
    """The step that it is in, or was last in."""
    state: dict[str, Any] = field(default_factory=dict)
    error: Failure | None = None


@dataclass(frozen=True, slots=True)
class WaitingTask:
    """An activity for which no worker has come yet."""

    activity: str
    task_queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What became of a follow-up whose condition held, or could not be evaluated (11.5)."""

    workflow: str
    execution_id: str = ""
    """The execution that was started, empty when none was."""
    error: Failure | None = None
    """Why none was started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionInfo:
    """How an execution stood when the server answered.

    A list leaves out ``inputs``, ``last_sequence``, ``branches``, ``suspension``,
    ``waiting_tasks``, ``depth`` and ``follow_ups``.
    """

    id: str
    workflow: str
    version: int
    status: ExecutionStatus
    start_time: datetime | None
    close_time: datetime | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] | None = None
    """The results, once it has completed."""
    error: Failure | None = None
    """Why, once it has failed."""
    last_sequence: int = 0
    """The number of the last event."""
    branches: tuple[BranchInfo, ...] = ()
    suspension: Suspension | None = None
    waiting_tasks: tuple[WaitingTask, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    """What whoever started it has noted, by name."""
    parent: str = ""
    """The id of the execution that started it, empty when it was started from outside."""
    depth: int = 0
    """How many executions stand above it."""
    follow_ups: tuple[FollowUp, ...] = ()
    """What became of the workflow's follow-ups, once it has completed."""


@dataclass(frozen=True, slots=True)
class ExecutionCount:
    """How many executions there are (semantics 12.5)."""

    total: int
    by_status: dict[ExecutionStatus, int]
    """Statuses without any are left out."""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of an execution's history (semantics 12.1)."""

    sequence: int
    """1, 2, 3... without gaps."""
    time: datetime | None
    type: str
    """What happened, such as ``step_started``."""
    data: dict[str, Any]
    """The particulars, by the names of the API without ``_json``; durations are ``timedelta``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a running activity last said of itself; not part of the history (semantics 7.6)."""

    branch: str
    step: str
    activity: str
    item: int | None
    """The item's index from 0, in a step with ``each``."""
    attempt: int
    message: str
    data: Any = None
    time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress:
    """What the activity of a step visit has said last (semantics 7.6)."""

    message: str
    data: Any = None
    time: datetime | None = None
    item: int | None = None
    """The item's index from 0, in a step with ``each``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepVisit:
    """One stay of a branch in a step (semantics 12.4)."""

    number: int
    """The number of the event with which it began."""
    branch: str
    step: str
    status: BranchStatus
    """Never ``WAITING``; one whose error was caught is ``FAILED``."""
    activity: str = ""
    """Empty in a step without one."""
    attempt: int = 0
    """The last, from 1, in a step with ``each`` the highest of any item; 0 without attempts."""
    start_time: datetime | None = None
    end_time: datetime | None = None
    """None while it lasts."""
    error: Failure | None = None
    """The last one, also of an attempt that was tried again."""
    progress: StepProgress | None = None
    items: int = 0
    """How many there are, in a step with ``each``."""
    items_done: int = 0
    children: tuple[str, ...] = ()
    """The ids of the executions that it has started, at most 100 of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """How an execution stands, from now on or already (semantics 12.3)."""

    execution_id: str
    workflow: str
    version: int
    status: ExecutionStatus
    time: datetime | None = None
    """When the change was stored; None: it stood so when the watch began."""
    labels: dict[str, str] = field(default_factory=dict)
    """What whoever started it has noted, by name."""
    parent: str = ""
    """The id of the execution that started it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a definition (semantics 2.6)."""

    code: str
    """What kind of problem, such as ``UNKNOWN_EDGE_TARGET``."""
    step: str
    """The step's name, empty when the problem is the workflow's own."""
    message: str

    def __str__(self) -> str:
        place = f"step {self.step}: " if self.step else ""
        return f"{place}{self.message} ({self.code})"


@dataclass(frozen=True, slots=True)
class RegisteredWorkflow:
    """The version that a registered definition has (semantics 2.7)."""

    name: str
    version: int
    created: bool
    """Whether this registration made the version; false when the content was the same."""


@dataclass(frozen=True, slots=True)
class WorkflowVersion:
    """A registered version of a workflow."""

    name: str
    version: int
    create_time: datetime | None
    definition: dict[str, Any] | None = None
    """The definition as a mapping with the names of definition files; left out in lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """A start among many, see :meth:`Client.start_many`."""

    workflow: str
    inputs: Mapping[str, Any] | None = None
    id: str | None = None
    """The execution's id; None: the server makes one."""
    request_id: str | None = None
    """Names the request, so that it can be repeated; None: the client makes one."""
    version: int | None = None
    """None: the latest."""
    labels: Mapping[str, str] | None = None
    """What to note of it, to find it by."""
    timeout: float | timedelta | None = None
    """How long it may live, in seconds or as a ``timedelta``; None: as its workflow says (4.12)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInfo:
    """One delivery of one attempt of an activity (semantics 7.2)."""

    execution_id: str
    workflow: str
    version: int
    branch: str
    step: str
    activity: str
    attempt: int
    """From 1."""
    delivery: int
    """From 1; above 1 when an earlier worker was lost, or gave the attempt back."""
    item: int | None
    """The item's index from 0, in a step with ``each``."""
    deadline: datetime | None
    """When the attempt is timed out."""


@dataclass(frozen=True, slots=True)
class BranchState:
    """What an activity sees of its branch and its execution (semantics 7.9)."""

    state: dict[str, Any]
    """The branch's variables, as they are stored now."""
    inputs: dict[str, Any]
    """The execution's inputs."""
