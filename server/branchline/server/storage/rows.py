"""The rows that go in and come out: plain tuples with names.

Times are integer microseconds since the epoch, spans of time integer microseconds. JSON is text,
never looked into but for labels. Statuses are small integers whose meaning only the caller knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple


class WorkflowRow(NamedTuple):
    """One version of a workflow."""

    name: str
    version: int
    content_hash: str
    definition: str
    create_time: int


class ExecutionRow(NamedTuple):
    """An execution, as lists show it."""

    key: int
    """Unique, 63 bits, ascending with the start time."""
    id: str
    """The public name, unique."""
    workflow: str
    version: int
    status: int
    start_time: int
    close_time: int | None = None
    wake_at: int | None = None
    """The earliest time at which something is due."""
    request_id: str | None = None
    """The request that started it, unique in its workflow."""
    parent: str | None = None
    """The id of the execution that started it."""
    labels: str | None = None
    """A JSON object of strings; None without any."""
    error: str | None = None
    outputs: str | None = None


class ExecutionChange(NamedTuple):
    """What an execution's row shall say from now on: every field is written."""

    key: int
    status: int
    close_time: int | None = None
    wake_at: int | None = None
    error: str | None = None
    outputs: str | None = None


class ExecutionIdentity(NamedTuple):
    """What never changes of an execution, as far as filters ask for it."""

    key: int
    id: str
    workflow: str
    version: int
    start_time: int
    parent: str | None
    labels: str | None
    """A JSON object of strings; None without any."""


class ExecutionStatus(NamedTuple):
    """How an execution stands, or stood."""

    execution: ExecutionIdentity
    status: int


class StatusChange(NamedTuple):
    """An execution has a status from now on."""

    key: int
    status: int


class StatusEntry(NamedTuple):
    """The changes of status that were stored together."""

    position: int
    time: int
    changes: list[ExecutionStatus]
    """In the order in which they happened."""


class StatusStretch(NamedTuple):
    """Some of the stored changes, in order."""

    first: int
    """The lowest position that one can go on from: earlier changes are removed."""
    head: int
    """The last position."""
    entries: list[StatusEntry]


class StatusPage(NamedTuple):
    """How some executions stand."""

    head: int
    """The position of the last change that the statuses contain."""
    statuses: list[ExecutionStatus]


class HistoryRow(NamedTuple):
    """Events of one transition of an execution; a large one takes several rows."""

    key: int
    first_sequence: int
    last_sequence: int
    time: int
    events: str
    """A JSON array."""


class SnapshotRow(NamedTuple):
    """The state of an execution after the event ``sequence``."""

    key: int
    sequence: int
    state: str


class TaskRow(NamedTuple):
    """Work for a worker; leased when ``worker`` is set."""

    key: int
    """The execution's."""
    task: int
    """The task's number in its execution."""
    queue: str
    activity: str
    payload: str
    """What the worker is told, as JSON."""
    worker: str | None = None
    delivery: int = 0
    """How often it was handed out."""
    schedule_deadline: int | None = None
    attempt_timeout: int | None = None
    """A span, counted from ``started_at``."""
    heartbeat_timeout: int | None = None
    started_at: int | None = None
    """When it was first handed out."""
    losses: int = 0
    """How many of its leases have ended without a word from the worker."""


class TaskLease(NamedTuple):
    """Who has a task from now on; nobody when ``worker`` is None."""

    key: int
    task: int
    worker: str | None
    delivery: int
    started_at: int | None
    losses: int = 0


class TaskPayload(NamedTuple):
    """What a task's worker is told from now on."""

    key: int
    task: int
    payload: str


class TaskKey(NamedTuple):
    """Names a task."""

    key: int
    task: int


class TaskHold(NamedTuple):
    """A delivery of a task that must still stand when a batch is stored."""

    key: int
    task: int
    delivery: int
    leased: bool = True
    """Whether this server has it; else nobody may have it."""


class TaskPull(NamedTuple):
    """How many waiting tasks of a queue and activity a server has room for, and who gets them."""

    queue: str
    activity: str
    workers: tuple[str, ...]
    """A worker a task."""


class Cancellation(NamedTuple):
    """An execution that is still to be cancelled, because nobody waits for it any more."""

    execution_id: str
    reason: str


class LifeSign(NamedTuple):
    """The last sign of life of a server among several."""

    server: str
    seen: int
    age: int
    """How long ago that was, as far as the database's clock can be trusted, microseconds."""


class Due(NamedTuple):
    """An execution and the time at which something is due in it."""

    wake_at: int
    key: int
    id: str


class ClosedExecution(NamedTuple):
    """An execution that has closed, as far as its removal asks for it."""

    id: str
    key: int
    close_time: int
    rows: int
    """Its history has no more rows than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFilter:
    """Which executions; all conditions must hold."""

    statuses: Sequence[int]
    """Any of these. Name all for any: every status is looked up by itself, and so a page costs
    the same however many executions there are."""
    workflow: str | None = None
    started_after: int | None = None
    """At or after this time."""
    started_before: int | None = None
    """Before this time."""
    first_key: int | None = None
    """No key below. Name it with ``started_after``: keys are in an index's order, times are not."""
    end_key: int | None = None
    """No key from here on. Name it with ``started_before``."""
    parent: str | None = None
    """Started by the execution with this id."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """With all of these labels."""

    def until(self, end_key: int) -> ExecutionFilter:
        """The same with another ``end_key``."""
        return replace(self, end_key=end_key)


@dataclass(slots=True, kw_only=True)
class Batch:
    """What is to be stored together, in the order of the fields.

    A row may be added and changed in the same batch. Of two changes, snapshots or leases of the
    same thing the later counts.
    """

    started: list[ExecutionRow] = field(default_factory=list)
    """Their labels are stored with them, to be found by."""
    changed: list[ExecutionChange] = field(default_factory=list)
    history: list[HistoryRow] = field(default_factory=list)
    snapshots: list[SnapshotRow] = field(default_factory=list)
    tasks_added: list[TaskRow] = field(default_factory=list)
    tasks_leased: list[TaskLease] = field(default_factory=list)
    tasks_changed: list[TaskPayload] = field(default_factory=list)
    tasks_removed: list[TaskKey] = field(default_factory=list)
    tasks_held: list[TaskHold] = field(default_factory=list)
    """Only where servers share a database, as everything below; looked at first."""
    tasks_pulled: list[TaskPull] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)
    """Keys of executions; their labels, histories, snapshots and tasks go with them."""
    cancellations_added: list[Cancellation] = field(default_factory=list)
    cancellations_removed: list[str] = field(default_factory=list)
    """Ids of executions."""
    status_changes: list[StatusChange] = field(default_factory=list)
    """In the order in which they happened."""
    time: int = 0
    """When ``status_changes`` happened."""
    notes: list[str] = field(default_factory=list)
    """What the other servers are told."""

    def __bool__(self) -> bool:
        return bool(
            self.started
            or self.changed
            or self.history
            or self.snapshots
            or self.tasks_added
            or self.tasks_leased
            or self.tasks_changed
            or self.tasks_removed
            or self.deleted
            or self.cancellations_added
            or self.cancellations_removed
            or self.status_changes
            or self.tasks_held
            or self.tasks_pulled
            or self.notes
        )
