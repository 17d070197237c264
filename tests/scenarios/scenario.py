"""What a scenario file may hold. A key that is not here is an error of the file."""

from __future__ import annotations

from typing import Annotated, Any

import grpc
import msgspec
from msgspec import UNSET, Struct, UnsetType

from tests.scenarios.actions import Entries
from tests.scenarios.durations import seconds

Json = Any
Definition = dict[str, Any]
Count = Annotated[int, msgspec.Meta(ge=0)]


class _Part(Struct, forbid_unknown_fields=True, frozen=True):
    """A part of a scenario."""


class Start(_Part, kw_only=True, frozen=True):
    """How the scenario's execution is started."""

    inputs: dict[str, Json] = {}
    id: str = ""
    request_id: str = ""
    version: int = 0
    labels: dict[str, str] | UnsetType = UNSET


class StartAgain(_Part, kw_only=True, frozen=True):
    """A start with the id of an execution that is there."""

    inputs: dict[str, Json] = {}
    request_id: str = ""


class StartOther(Start, kw_only=True, frozen=True):
    """The start of one more execution, which the scenario knows under a name."""

    name: str = msgspec.field(name="as")
    workflow: str = ""


class Signal(_Part, kw_only=True, frozen=True):
    """A signal to send."""

    topic: str
    payload: Json = None
    id: str = ""


class Cancel(_Part, kw_only=True, frozen=True):
    """A cancellation."""

    reason: str = ""


class Pause(_Part, kw_only=True, frozen=True):
    """A pause of a branch, or of all."""

    branch: str = ""
    reason: str = ""


class Unpause(_Part, kw_only=True, frozen=True):
    """The end of a pause."""

    branch: str = ""


class Nothing(_Part, kw_only=True, frozen=True):
    """An action that has no arguments."""


class When(_Part, kw_only=True, frozen=True):
    """What must hold at once before an entry is taken."""

    status: str | UnsetType = UNSET
    calls: dict[str, Count] = {}
    branch: dict[str, str] = {}
    progress: str | UnsetType = UNSET
    after: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        _check_duration(self.after)


ACTIONS = (
    "signal",
    "pause",
    "unpause",
    "cancel",
    "retry",
    "delete",
    "restart_server",
    "restart_worker",
    "start_again",
    "start_other",
    "register",
)
"""What an entry of ``do`` can do, at most one of them."""


class Entry(_Part, kw_only=True, frozen=True):
    """One thing that happens from outside."""

    when: When | UnsetType = UNSET
    of: str | UnsetType = UNSET
    refused: str | UnsetType = UNSET
    signal: Signal | UnsetType = UNSET
    pause: Pause | UnsetType = UNSET
    unpause: Unpause | UnsetType = UNSET
    cancel: Cancel | UnsetType = UNSET
    retry: Nothing | UnsetType = UNSET
    delete: Nothing | UnsetType = UNSET
    restart_server: bool | UnsetType = UNSET
    restart_worker: bool | UnsetType = UNSET
    start_again: StartAgain | UnsetType = UNSET
    start_other: StartOther | UnsetType = UNSET
    register: Definition | UnsetType = UNSET
    version: int | UnsetType = UNSET

    def __post_init__(self) -> None:
        given = [name for name in ACTIONS if getattr(self, name) is not UNSET]
        if len(given) > 1:
            raise ValueError(f"an entry has one action, not {' and '.join(given)}")
        if self.refused is not UNSET and not given:
            raise ValueError("refused stands beside an action")
        if self.version is not UNSET and self.register is UNSET:
            raise ValueError("version stands beside register")
        _check_code(self.refused)

    @property
    def action(self) -> str:
        """The name of what it does; empty when it only waits."""
        return next((name for name in ACTIONS if getattr(self, name) is not UNSET), "")


class ExpectedProblem(_Part, kw_only=True, frozen=True):
    """A problem that a definition must have."""

    code: str
    step: str = ""
    mentions: list[str] = []


class Refusal(_Part, kw_only=True, frozen=True):
    """How a start must be refused."""

    code: str
    mentions: list[str] = []

    def __post_init__(self) -> None:
        _check_code(self.code)


class ExpectedError(_Part, kw_only=True, frozen=True):
    """The error that an execution must have failed with."""

    type: str | UnsetType = UNSET
    mentions: list[str] = []


class ExpectedDormancy(_Part, kw_only=True, frozen=True):
    """Why a branch must be dormant."""

    reason: str | UnsetType = UNSET
    step: str | UnsetType = UNSET
    topic: str | UnsetType = UNSET
    pause_reason: str | UnsetType = UNSET


class ExpectedSuspension(_Part, kw_only=True, frozen=True):
    """Why nothing must move."""

    reason: str | UnsetType = UNSET
    topics: list[str] | UnsetType = UNSET
    branches: dict[str, ExpectedDormancy] = {}


class WaitingTask(_Part, kw_only=True, frozen=True):
    """What must wait for a worker."""

    activity: str
    task_queue: str = "default"


class ExpectedVisit(_Part, kw_only=True, frozen=True):
    """What the progress of a step visit must tell, at least."""

    step: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    activity: str | UnsetType = UNSET
    attempt: int | UnsetType = UNSET
    error: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    data: Json = UNSET


class ListFilter(_Part, kw_only=True, frozen=True):
    """Which executions are asked for."""

    workflow: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    labels: dict[str, str] = {}
    parent: str | UnsetType = UNSET
    started_after: str | UnsetType = UNSET


class Listed(_Part, kw_only=True, frozen=True):
    """What a list of executions must find, newest first."""

    filter: ListFilter
    finds: list[str]


class Elapsed(_Part, kw_only=True, frozen=True):
    """How long the execution must have lived."""

    at_least: str | UnsetType = UNSET
    at_most: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        _check_duration(self.at_least)
        _check_duration(self.at_most)


class Outcome(_Part, kw_only=True, frozen=True):
    """What must hold for any execution that the scenario knows."""

    status: str | UnsetType = UNSET
    outputs: dict[str, Json] | UnsetType = UNSET
    error: ExpectedError | UnsetType = UNSET
    branches: dict[str, str] | UnsetType = UNSET
    state: dict[str, dict[str, Json]] | UnsetType = UNSET
    absent: dict[str, list[str]] | UnsetType = UNSET
    visits: dict[str, list[str]] | UnsetType = UNSET
    suspension: ExpectedSuspension | UnsetType = UNSET
    version: int | UnsetType = UNSET
    gone: bool | UnsetType = UNSET


class Expect(Outcome, kw_only=True, frozen=True):
    """What must come out of a scenario."""

    problems: list[ExpectedProblem] | UnsetType = UNSET
    start_refused: Refusal | UnsetType = UNSET
    calls: dict[str, Count] | UnsetType = UNSET
    computed: dict[str, Count] | UnsetType = UNSET
    at_once: dict[str, Count] | UnsetType = UNSET
    waiting_for: list[WaitingTask] | UnsetType = UNSET
    children: dict[str, Count] | UnsetType = UNSET
    others: dict[str, Outcome] = {}
    follow_up_errors: list[str] | UnsetType = UNSET
    round_trip: bool | UnsetType = UNSET
    progress: dict[str, list[ExpectedVisit]] | UnsetType = UNSET
    status_changes: list[str] | UnsetType = UNSET
    listed: list[Listed] | UnsetType = UNSET
    elapsed: Elapsed | UnsetType = UNSET
    parameters: dict[str, Any] | UnsetType = UNSET
    any_order: bool = False


class Scenario(_Part, kw_only=True, frozen=True):
    """A scenario file."""

    name: str
    workflow: Definition
    expect: Expect
    covers: list[str] = []
    about: str = ""
    also: list[Definition] = []
    start: Start = Start()
    activities: dict[str, Entries] = {}
    do: list[Entry] = []
    builtin: list[str] = []
    queues: dict[str, str] = {}
    server: dict[str, Json] = {}


def _check_code(name: str | UnsetType) -> None:
    if name is not UNSET and name not in grpc.StatusCode.__members__:
        raise ValueError(f"{name!r} is no gRPC status code")


def _check_duration(text: str | UnsetType) -> None:
    if text is not UNSET:
        seconds(text)
