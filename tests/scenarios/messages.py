"""What a worker process and the runner tell each other: JSON lines over a unix socket.

The worker asks and the runner answers, one line each, in the order of the questions.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tests.scenarios.actions import Action
from tests.scenarios.visits import TaskInfo


class Hello(Struct, frozen=True, tag=True):
    """A worker process is there; answered by a ``Setup`` when the server is."""


class Offer(Struct, frozen=True):
    """The activities that are offered at a task queue."""

    scripted: list[str] = []
    """Those that do what the scenario says."""
    builtin: list[str] = []
    """The SDK's own."""


class Setup(Struct, frozen=True, kw_only=True):
    """What a worker offers, and where."""

    address: str
    offers: dict[str, Offer]
    """By task queue."""
    file_root: str
    """The folder that the activity ``file`` works in."""


class Begin(Struct, frozen=True, kw_only=True, tag=True):
    """A delivery begins; answered by its ``Orders``."""

    task: TaskInfo
    parameters: Any


class Orders(Struct, frozen=True, kw_only=True):
    """What a delivery is to do."""

    run: int
    first_delivery: bool
    actions: list[Action]


class Computed(Struct, frozen=True, tag=True):
    """A value was computed for a key; answered by ``Noted``."""

    key: str


class End(Struct, frozen=True, tag=True):
    """A delivery has ended; answered by ``Noted``."""

    run: int


class Noted(Struct, frozen=True):
    """The runner has taken note."""


Question = Hello | Begin | Computed | End
