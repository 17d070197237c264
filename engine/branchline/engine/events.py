"""What has happened to an execution: the entries of its history (semantics 12.1).

Events are frozen and written down as JSON arrays: the name, then the fields in their order here,
as in ``["step_started", "main", "pack"]``. A person can read that, and the fields' names would be
half of a history. A new version may add events, and behind all others fields with defaults; it
never changes the order or the meaning of what there is, because histories live longer than
versions.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from branchline.engine.values import NULL, Json, Variables


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error (semantics 8.1)."""

    type: str
    message: str = ""
    details: Json = NULL


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an activity has said of how it gets on (semantics 7.6)."""

    message: str = ""
    data: Json = NULL
    time: int = 0
    """When, microseconds since the epoch."""
    item: int | None = None
    """Of which item, in a step with ``each``."""


class Event(msgspec.Struct, frozen=True, array_like=True):
    """Base of all events."""


class ExecutionStarted(Event, frozen=True, tag="execution_started"):
    """The execution began, with the branch ``main``."""

    workflow: str
    version: int
    inputs: Variables = {}
    state: Variables = {}
    deadline: int | None = None
    labels: dict[str, str] = {}
    parent: str = ""
    """The id of the execution that started it."""
    child: int = 0
    """The parent's number for it, when the parent waits for it."""
    depth: int = 0


class ExecutionCompleted(Event, frozen=True, tag="execution_completed"):
    """All branches completed and the outputs were read."""

    outputs: Variables = {}


class ExecutionFailed(Event, frozen=True, tag="execution_failed"):
    """A branch failed, an output could not be read, or time ran out."""

    error: Failure


class ExecutionCanceled(Event, frozen=True, tag="execution_canceled"):
    """Somebody cancelled it."""

    reason: str = ""


class ExecutionRetried(Event, frozen=True, tag="execution_retried"):
    """A failed execution is taken up again (semantics 4.9)."""

    deadline: int | None = None


class BranchResumed(Event, frozen=True, tag="branch_resumed"):
    """A failed or stopped branch goes on where it was (semantics 4.9)."""

    branch: str


class BranchStarted(Event, frozen=True, tag="branch_started"):
    """A branch began with a copy of its parent's variables (semantics 5.3)."""

    branch: str
    parent: str
    name: str = ""


class BranchCompleted(Event, frozen=True, tag="branch_completed"):
    """A branch ended."""

    branch: str


class BranchFailed(Event, frozen=True, tag="branch_failed"):
    """A branch ended with an error."""

    branch: str
    error: Failure
    at_edges: bool = False
    """Whether its step was done and its edges failed."""
    entering: str = ""
    """The step that it could not enter any more."""


class BranchCanceled(Event, frozen=True, tag="branch_canceled"):
    """A branch was stopped (semantics 4.6)."""

    branch: str
    entering: str = ""
    """The step that it was about to enter."""


class StepStarted(Event, frozen=True, tag="step_started"):
    """A branch entered a step."""

    branch: str
    step: str


class StepCompleted(Event, frozen=True, tag="step_completed"):
    """A step ended; its patches and its result are in the state now."""

    branch: str
    store: str = ""


class StepFailed(Event, frozen=True, tag="step_failed"):
    """A step ended with an error; a catch may have taken it (semantics 8.4)."""

    branch: str
    error: Failure
    caught_by: str = ""
    store: str = ""


class ItemsListed(Event, frozen=True, tag="items_listed"):
    """The items of a step with ``each`` are known (semantics 9.1)."""

    branch: str
    items: tuple[Json, ...]


class ItemsPostponed(Event, frozen=True, tag="items_postponed"):
    """The rest of the items begins by itself, at once: it was too much for one transition."""

    branch: str


class ItemsResumed(Event, frozen=True, tag="items_resumed"):
    """Postponed items begin."""

    branch: str


class TaskScheduled(Event, frozen=True, tag="task_scheduled"):
    """An attempt waits for a worker (semantics 7.1). Time limits are microseconds."""

    task: int
    branch: str
    activity: str
    queue: str
    parameters: Json
    item: int | None = None
    attempt: int = 1
    deliveries: int = 0
    """How often the attempt was delivered before it waited."""
    timeout: int | None = None
    heartbeat_timeout: int | None = None
    schedule_timeout: int | None = None


class TaskCompleted(Event, frozen=True, tag="task_completed"):
    """An attempt succeeded (semantics 7.4)."""

    task: int
    result: Json = NULL
    set: Variables = {}
    remove: tuple[str, ...] = ()
    progress: Progress | None = None
    """What its activity said last."""


class TaskFailed(Event, frozen=True, tag="task_failed"):
    """An attempt failed."""

    task: int
    error: Failure
    progress: Progress | None = None
    """What its activity said last."""


class TaskWaiting(Event, frozen=True, tag="task_waiting"):
    """An attempt waits for a signal; its worker is free meanwhile (semantics 7.7)."""

    task: int
    key: str
    topic: str
    until: int
    deliveries: int = 0
    """How often the attempt has been delivered so far."""
    progress: Progress | None = None
    """What its activity said last."""


class ValueRecorded(Event, frozen=True, tag="value_recorded"):
    """An activity recorded a value (semantics 7.8)."""

    task: int
    key: str
    value: Json = NULL


class TasksWithdrawn(Event, frozen=True, tag="tasks_withdrawn"):
    """Attempts were called off."""

    tasks: tuple[int, ...]
    progress: dict[str, Progress] = {}
    """What their activities said last, by branch."""


class RetryScheduled(Event, frozen=True, tag="retry_scheduled"):
    """The step, or an item of it, will be tried again at ``due`` (semantics 8.3)."""

    branch: str
    attempt: int
    policy: int
    due: int
    item: int | None = None


class SignalReceived(Event, frozen=True, tag="signal_received"):
    """A signal is stored (semantics 10.1)."""

    signal: int
    topic: str
    payload: Json = NULL
    signal_id: str = ""


class SignalAwaited(Event, frozen=True, tag="signal_awaited"):
    """A branch waits for a signal until ``until`` (semantics 10.2)."""

    branch: str
    topic: str
    until: int


class SignalConsumed(Event, frozen=True, tag="signal_consumed"):
    """A branch, or an activity of it, took the oldest signal of its topic."""

    branch: str
    signal: int
    item: int | None = None
    """Whose activity waited; None when the step itself did."""


class WaitTimedOut(Event, frozen=True, tag="wait_timed_out"):
    """A branch, or an activity of it, waited in vain."""

    branch: str
    item: int | None = None
    """Whose activity waited; None when the step itself did."""


class SleepStarted(Event, frozen=True, tag="sleep_started"):
    """A branch sleeps until ``until`` (semantics 10.3)."""

    branch: str
    until: int


class PauseRequested(Event, frozen=True, tag="pause_requested"):
    """A branch shall be paused at its next step boundary, or for another reason (10.5)."""

    branch: str
    reason: str = ""


class Next(StrEnum):
    """What a paused branch does when it goes on."""

    STAY = "stay"
    """It goes on with what it was doing: a wait, a sleep, a delay."""
    EDGES = "edges"
    """Its step has ended; it looks at the edges."""
    ENTER = "enter"
    """It enters a step that is already chosen."""
    END = "end"
    """It completes."""


class BranchPaused(Event, frozen=True, tag="branch_paused"):
    """A branch is held; what is left of its times is frozen (semantics 10.4, 10.5)."""

    branch: str
    reason: str = ""
    next: Next = Next.STAY
    step: str = ""
    """The step to enter, if that is what comes next."""


class BranchUnpaused(Event, frozen=True, tag="branch_unpaused"):
    """A branch is no longer held, nor shall it be; its times run on."""

    branch: str


class ChildRequested(Event, frozen=True, tag="child_requested"):
    """A step, or an item of it, asks for another execution (semantics 11.1)."""

    child: int
    branch: str
    workflow: str
    inputs: Variables = {}
    item: int | None = None
    attempt: int = 1
    version: int = 0
    """0 for the latest."""
    wait: bool = True
    timeout: int | None = None
    """How long to wait, microseconds."""


class ChildStarted(Event, frozen=True, tag="child_started"):
    """A child exists; its step is done with it unless it waits."""

    child: int
    execution: str
    until: int | None = None


class ChildCompleted(Event, frozen=True, tag="child_completed"):
    """A child that was waited for completed."""

    child: int
    result: Json


class ChildFailed(Event, frozen=True, tag="child_failed"):
    """A child failed, was cancelled, or could not be started."""

    child: int
    error: Failure


class ChildTimedOut(Event, frozen=True, tag="child_timed_out"):
    """A child took too long; it is cancelled."""

    child: int
    execution: str


class ChildrenStopped(Event, frozen=True, tag="children_stopped"):
    """Children are no longer waited for; those that exist are cancelled."""

    children: tuple[int, ...]
    executions: tuple[str, ...] = ()


class FollowUpRequested(Event, frozen=True, tag="follow_up_requested"):
    """The end of the execution asks for another one (semantics 11.5)."""

    child: int
    workflow: str
    inputs: Variables = {}


class FollowUpStarted(Event, frozen=True, tag="follow_up_started"):
    """A follow-up exists."""

    child: int
    execution: str


class FollowUpFailed(Event, frozen=True, tag="follow_up_failed"):
    """A follow-up could not be started; that does not change how the execution ends."""

    workflow: str
    error: Failure
    child: int = 0
    """0 when its condition or its inputs failed."""


class JoinReached(Event, frozen=True, tag="join_reached"):
    """A branch waits at its step, a join (semantics 6.1)."""

    branch: str


class Merge(msgspec.Struct, frozen=True, omit_defaults=True):
    """One copy that a join makes: a variable, or the whole state (semantics 6.4)."""

    branch: str
    destination: str
    variable: str = ""


class JoinPassed(Event, frozen=True, tag="join_passed"):
    """A join let a branch go on (semantics 6.3)."""

    branch: str
    taken: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    merges: tuple[Merge, ...] = ()


AnyEvent = (
    ExecutionStarted
    | ExecutionCompleted
    | ExecutionFailed
    | ExecutionCanceled
    | ExecutionRetried
    | BranchResumed
    | BranchStarted
    | BranchCompleted
    | BranchFailed
    | BranchCanceled
    | StepStarted
    | StepCompleted
    | StepFailed
    | ItemsListed
    | ItemsPostponed
    | ItemsResumed
    | TaskScheduled
    | TaskCompleted
    | TaskFailed
    | TaskWaiting
    | ValueRecorded
    | TasksWithdrawn
    | RetryScheduled
    | SignalReceived
    | SignalAwaited
    | SignalConsumed
    | WaitTimedOut
    | SleepStarted
    | ChildRequested
    | ChildStarted
    | ChildCompleted
    | ChildFailed
    | ChildTimedOut
    | ChildrenStopped
    | FollowUpRequested
    | FollowUpStarted
    | FollowUpFailed
    | PauseRequested
    | BranchPaused
    | BranchUnpaused
    | JoinReached
    | JoinPassed
)
