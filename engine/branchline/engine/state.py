"""How an execution stands: the fold of its history, and nothing that cannot be derived from it.

States are changed by ``evolve`` alone. They can be written down as JSON, so that a snapshot
may stand for the events before it.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from branchline.engine.events import Failure, Next
from branchline.engine.timers import Timers
from branchline.engine.values import NULL, Json, Variables


class Status(StrEnum):
    """How an execution or a branch stands (semantics 4.7); only a branch is WAITING."""

    RUNNING = "RUNNING"
    WAITING = "WAITING"
    SUSPENDED = "SUSPENDED"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self in _CLOSED


_CLOSED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELED})


class SignalWait(msgspec.Struct, frozen=True, omit_defaults=True):
    """A wait for a signal, of a step or of an activity."""

    topic: str
    until: int
    since: int
    """The number of the event with which it began."""
    key: str = ""
    """The activity's own name for it."""


class Attempt(msgspec.Struct, omit_defaults=True):
    """Where the attempts of a step visit, or of one of its items, stand."""

    number: int = 1
    policy: int | None = None
    """The retry policy that the first error picked."""
    task: int | None = None
    """The pending task; None between two attempts and while it waits."""
    wait: SignalWait | None = None
    """The activity's wait for a signal (semantics 7.7)."""
    timed_out: tuple[str, ...] = ()
    """The waits of this attempt that ran out."""
    deliveries: int = 0
    """How often it was delivered before its last wait."""
    child: int | None = None
    """The child that it asks for or waits for."""
    execution: str = ""
    """That child's id, once it exists."""
    failed: Failure | None = None
    """The end of a child that nothing has followed from yet, because the branch is paused."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way in it; it may have a delay to pass."""
        return self.task is None and self.child is None and self.wait is None

    @property
    def is_pending(self) -> bool:
        """Whether it has a task out, or a child that does not exist yet."""
        return self.task is not None or (self.child is not None and not self.execution)


class Memory(msgspec.Struct, omit_defaults=True):
    """What the activity of a step visit, or of one of its items, finds again (7.7, 7.8)."""

    recorded: Variables = {}
    received: Variables = {}
    """Payloads of signals by the key of the wait."""


class Outcome(msgspec.Struct, omit_defaults=True):
    """What an activity gave back."""

    result: Json = NULL
    set: Variables = {}
    remove: tuple[str, ...] = ()


class Visit(msgspec.Struct, omit_defaults=True):
    """One stay of a branch in a step. Without ``each`` there is one item, of index 0."""

    number: int = 0
    """The number of the event with which it began; 0 between two steps."""
    attempts: dict[int, Attempt] = {}
    """By item, those that have begun and not ended."""
    outcomes: dict[int, Outcome] = {}
    items: tuple[Json, ...] | None = None
    """None in a step without ``each``."""
    next_item: int = 0
    received: Json = NULL
    """The payload of the signal that the step waited for."""
    memories: dict[int, Memory] = {}
    """By item."""
    waiting: int = 0
    """How many of the attempts wait, for a signal or a child."""


class Held(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a paused branch comes back to."""

    status: Status
    next: Next = Next.STAY
    step: str = ""
    left: dict[str, int] = {}
    """What is left of its times, microseconds by timer key."""


class Stopped(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a failed or stopped branch comes back to when the execution is retried."""

    status: Status
    at_edges: bool = False
    entering: str = ""
    left: dict[str, int] = {}
    """What is left of its times, microseconds by timer key."""


class Branch(msgspec.Struct, omit_defaults=True):
    """One thread of an execution (semantics 5)."""

    id: str
    name: str = ""
    parent: str = ""
    status: Status = Status.RUNNING
    step: str = ""
    variables: Variables = {}
    visit: Visit = msgspec.field(default_factory=Visit)
    wait: SignalWait | None = None
    sleep_until: int | None = None
    forked: bool = False
    """Whether it has started other branches (semantics 6.2)."""
    error: Failure | None = None
    pause: str | None = None
    """Why it is paused, or shall be at its next step boundary; None when neither."""
    held: Held | None = None
    """Set while it is paused."""
    stopped: Stopped | None = None
    """Set once it has failed or was stopped."""
    arrived: int = 0
    """The number of the event with which it came to a join."""

    @property
    def is_at_work(self) -> bool:
        """Whether an attempt of its step is under way, and not merely waits."""
        return any(attempt.is_pending for attempt in self.visit.attempts.values())

    @property
    def children(self) -> list[str]:
        """The ids of the executions that it waits for."""
        attempts = self.visit.attempts.values()
        return [attempt.execution for attempt in attempts if attempt.execution]

    @property
    def waits(self) -> list[SignalWait]:
        """What it waits for: its step, or the activities in it."""
        waits = [attempt.wait for attempt in self.visit.attempts.values()]
        return [wait for wait in (self.wait, *waits) if wait is not None]

    @property
    def label(self) -> str:
        """Its name, its id without one (semantics 3.1)."""
        return self.name or self.id


class AttemptRef(msgspec.Struct, frozen=True):
    """Whose attempt a pending task or a child is."""

    branch: str
    item: int


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """An execution that is asked for and does not exist yet."""

    workflow: str
    inputs: Variables = {}
    version: int = 0
    """0 for the latest."""
    wait: bool = False
    timeout: int | None = None
    """How long to wait, microseconds."""


class FollowUpResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a follow-up (semantics 11.5)."""

    workflow: str
    execution: str = ""
    error: Failure | None = None


class StoredSignal(msgspec.Struct, frozen=True):
    """A signal that no branch has taken yet."""

    number: int
    payload: Json = NULL


class JoinState(msgspec.Struct, omit_defaults=True):
    """What has happened at one join step."""

    waiting: list[str] = []
    """The branches that wait here, in the order in which they came."""
    taken: set[str] = set()
    """The branches that it has taken and that do not count again (semantics 6.2)."""
    left_out: set[str] = set()
    """The listed branches that it went on without (semantics 6.5)."""


class Execution(msgspec.Struct, omit_defaults=True):
    """One run of one version of a workflow."""

    id: str
    workflow: str = ""
    version: int = 0
    end: Status | None = None
    """How it ended; None while it is live."""
    inputs: Variables = {}
    outputs: Variables = {}
    error: Failure | None = None
    start_time: int = 0
    time_limit: int | None = None
    """How long it may live, microseconds."""
    close_time: int | None = None
    sequence: int = 0
    """The number of the last event."""
    branches: dict[str, Branch] = {}
    latest: dict[str, str] = {}
    """The latest branch of each name (semantics 5.4)."""
    live: dict[Status, int] = {}
    """How many branches are in each status that is not an end."""
    next_branch: int = 1
    next_task: int = 1
    next_signal: int = 1
    next_child: int = 1
    tasks: dict[int, AttemptRef] = {}
    children: dict[int, AttemptRef] = {}
    """The children that steps ask for or wait for, by number."""
    requests: dict[int, Request] = {}
    """Those, and follow-ups, that do not exist yet: whoever hosts the execution starts them."""
    signals: dict[str, list[StoredSignal]] = {}
    signal_ids: set[str] = set()
    waiters: dict[str, list[str]] = {}
    """The timer keys of those that wait for a topic, the longest waiting first."""
    joins: dict[str, JoinState] = {}
    timers: Timers = msgspec.field(default_factory=Timers)
    labels: dict[str, str] = {}
    parent: str = ""
    """The id of the execution that started it."""
    child: int = 0
    """The parent's number for it, 0 when the parent does not wait for it."""
    depth: int = 0
    """How many executions stand above it (semantics 11.4)."""
    follow_ups: list[FollowUpResult] = []
    deadline_left: int | None = None
    """What is left of the execution's time while all its branches are paused."""

    @property
    def status(self) -> Status:
        """What its branches make of it (semantics 4.7)."""
        if self.end is not None:
            return self.end
        if Status.RUNNING not in self.live:
            for status in (Status.PAUSED, Status.SUSPENDED):
                if status in self.live:
                    return status
        return Status.RUNNING

    def wait_of(self, key: str) -> SignalWait | None:
        """The wait for a signal behind a timer's key."""
        branch_id, item = timer_owner(key)
        branch = self.branches[branch_id]
        if branch.wait is not None:
            return branch.wait
        attempt = branch.visit.attempts.get(item)
        return None if attempt is None else attempt.wait

    def live_branches(self) -> list[Branch]:
        """The branches that have not ended, in the order in which they started."""
        return [branch for branch in self.branches.values() if not branch.status.closed]


def timer_key(branch: str, item: int = 0) -> str:
    """The key of a branch's timer, or of one of its items."""
    return f"{item}:{branch}"


def timer_owner(key: str) -> tuple[str, int]:
    """The branch and item of a timer's key."""
    item, _, branch = key.partition(":")
    return branch, int(item)


MORE_ITEMS = -1
"""Stands for the item in the key of the timer that begins the items left for later."""

DEADLINE = timer_key("")
"""The key of the execution's own deadline."""

REQUESTS = timer_key("", 1)
"""The key of the timer that is due while executions are asked for."""
