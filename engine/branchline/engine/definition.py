"""What a workflow is: the definition as the engine reads it, frozen and free of behaviour.

Durations and times are whole microseconds, JSON documents plain Python values that
msgspec decoded (so that integers stay exact). A definition may be wrong in every way that
``validation`` can name; only a definition without problems is run.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

MAIN = "main"
DEFAULT_QUEUE = "default"

SECOND = 1_000_000
"""Microseconds in a second."""


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the parts of a definition."""


class Matching(StrEnum):
    """How many matching edges of a step are taken (semantics 5.1)."""

    ALL = "all"
    FIRST = "first"


class Jitter(StrEnum):
    """How retry delays are spread (semantics 8.3)."""

    NONE = "NONE"
    FULL = "FULL"


class Input(Part, frozen=True):
    """An argument of the workflow (semantics 2.2)."""

    name: str = ""
    type: str = ""
    description: str = ""
    default: Any | msgspec.UnsetType = msgspec.UNSET
    """A JSON value; unset means that the input is required."""


class Output(Part, frozen=True):
    """A result, read from a branch at the end (semantics 2.3)."""

    name: str = ""
    variable: str = ""
    branch: str = ""
    description: str = ""

    @property
    def path(self) -> str:
        """The variable to read; dots reach into objects."""
        return self.variable or self.name


class Edge(Part, frozen=True):
    """A way on from a step (semantics 5.1)."""

    step: str = ""
    condition: str = ""
    branch: str = ""


class Join(Part, frozen=True):
    """Waits for branches (semantics 6)."""

    branches: tuple[str, ...] = ()
    count: int | None = None
    branch_mappings: dict[str, str] = {}


class WaitSignal(Part, frozen=True):
    """Waits for a signal (semantics 10.2)."""

    topic: str = ""
    timeout: int | None = None
    store: str = ""
    on_timeout: str = ""


class Sleep(Part, frozen=True):
    """Sleeps (semantics 10.3)."""

    duration: int | None = None


class Pause(Part, frozen=True):
    """Holds the branch until it is unpaused (semantics 10.4)."""

    reason: str = ""


class Child(Part, frozen=True):
    """Starts an execution of another workflow (semantics 11.1)."""

    workflow: str = ""
    version: int | None = None
    inputs: Any = {}
    wait: bool | None = None
    timeout: int | None = None


class Each(Part, frozen=True):
    """Runs a step once per item (semantics 9)."""

    items: Any | msgspec.UnsetType = msgspec.UNSET
    as_: str = msgspec.field(default="", name="as")
    max_concurrency: int | None = None


class RetryPolicy(Part, frozen=True):
    """When and how a failed step is tried again (semantics 8.3)."""

    error_equals: tuple[str, ...] = ()
    max_retries: int | None = None
    base_delay: int | None = None
    max_delay: int | None = None
    backoff_rate: float | None = None
    jitter_strategy: Jitter | None = None
    timeout: int | None = None


class CatchHandler(Part, frozen=True):
    """Where an error leads when it is not tried again (semantics 8.4)."""

    error_equals: tuple[str, ...] = ()
    next: str = ""
    store: str = ""


class Step(Part, frozen=True):
    """A node of the graph (semantics 2.4); a sound one has exactly one kind."""

    name: str = ""
    description: str = ""
    group_id: str = ""
    next: tuple[Edge, ...] = ()
    edge_matching_strategy: Matching | None = None
    activity: str = ""
    join: Join | None = None
    wait_signal: WaitSignal | None = None
    sleep: Sleep | None = None
    pause: Pause | None = None
    child: Child | None = None
    parameters: Any = {}
    store: str = ""
    each: Each | None = None
    retry: tuple[RetryPolicy, ...] = ()
    catch: tuple[CatchHandler, ...] = ()
    task_queue: str = ""
    timeout: int | None = None
    heartbeat_timeout: int | None = None
    schedule_timeout: int | None = None

    @property
    def kinds(self) -> list[str]:
        """The names of the kinds that are set."""
        special = ("join", "wait_signal", "sleep", "pause", "child")
        kinds = [kind for kind in special if getattr(self, kind) is not None]
        return ["activity", *kinds] if self.activity else kinds


class Group(Part, frozen=True):
    """A group of steps, for editors (semantics 2.1)."""

    id: str = ""
    name: str = ""
    description: str = ""
    parent_id: str = ""
    collapsed: bool | None = None
    x: float | None = None
    y: float | None = None
    width: float | None = None
    height: float | None = None


class FollowUp(Part, frozen=True):
    """A workflow to start after completion (semantics 11.5)."""

    workflow: str = ""
    condition: str = ""
    inputs: Any = {}


class Workflow(Part, frozen=True):
    """A definition (semantics 2.1)."""

    name: str = ""
    description: str = ""
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    timeout: int | None = None
    state: Any = {}
    steps: tuple[Step, ...] = ()
    start_at: str = ""
    groups: tuple[Group, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()

    @property
    def start_step(self) -> str:
        """The name of the step that the first branch enters."""
        return self.start_at or (self.steps[0].name if self.steps else "")


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with a definition (semantics 2.6)."""

    code: str
    step: str
    """The step's name, empty for the workflow."""
    message: str
