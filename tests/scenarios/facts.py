"""What came out of a play, in plain values: all that expectations look at, wherever it is from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

CLOSED = frozenset({"COMPLETED", "FAILED", "CANCELED"})
"""The statuses of executions that have ended."""


class SeenError(NamedTuple):
    """Why an execution has failed."""

    type: str
    message: str


class SeenSuspension(NamedTuple):
    """Why nothing in an execution moves."""

    reason: str
    topics: list[str]
    branches: dict[str, dict[str, str]]
    """By branch: its ``reason``, ``step``, ``topic`` and ``pause_reason``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How an execution stands."""

    id: str
    workflow: str
    version: int
    status: str
    outputs: dict[str, Any]
    error: SeenError | None
    suspension: SeenSuspension | None
    branches: dict[str, str]
    """By branch: its status."""
    state: dict[str, dict[str, Any]]
    """By branch: its variables."""
    visits: dict[str, list[str]] = field(default_factory=dict)
    """By branch: the steps that it has entered, in order; empty until they are asked for."""
    waiting: list[tuple[str, str]]
    """The activities that wait for a worker, with their task queues."""
    follow_up_errors: list[str]
    """The workflows of the follow-ups that could not be started."""
    lived: float | None
    """Seconds from its start to its close; None before that."""

    @property
    def is_closed(self) -> bool:
        """Whether it has ended."""
        return self.status in CLOSED


class SeenVisit(NamedTuple):
    """How a visit of a step went."""

    step: str
    branch: str
    status: str
    activity: str
    attempt: int
    error: str | None
    """The type of the last error."""
    message: str | None
    """The message of the latest progress."""
    data: Any
    """The data of the latest progress."""


class SeenList(NamedTuple):
    """What a list of executions finds, read to its end, and what is counted."""

    found: list[str]
    """The ids, newest first."""
    statuses: Counter[str]
    """Of what is found."""
    total: int
    counted: Counter[str]
    """By status."""


class Runs(Protocol):
    """What is known of the runs of activities."""

    @property
    def computed(self) -> Mapping[str, int]:
        """How often a value was computed for a key."""
        ...

    @property
    def most_at_once(self) -> Mapping[str, int]:
        """The most runs of an activity that were at work at the same time."""
        ...

    def calls(self, activity: str) -> int:
        """How many runs of an activity have begun."""
        ...

    def parameters(self, activity: str) -> list[Any]:
        """The parameters of each run of an activity, in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that came out. What no expectation asks for may be left out."""

    executions: Mapping[str, Seen | None]
    """By the scenario's name for them, its own is ``self``; None: it does not exist."""
    ids: Mapping[str, str]
    """The ids by those names."""
    runs: Runs
    children: Mapping[str, list[str]] = field(default_factory=dict)
    """By workflow: the statuses of its executions."""
    status_changes: list[str] = field(default_factory=list)
    step_visits: list[SeenVisit] = field(default_factory=list)
    """Of the scenario's own execution, in the order in which they began."""
    lists: list[SeenList] = field(default_factory=list)
    """In the order of the expected ones."""
    round_trip: str = ""
    """How the definition has changed on its way to the server and back."""
