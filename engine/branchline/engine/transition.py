"""One transition of an execution: the events that follow from one command."""

from __future__ import annotations

from collections import deque

from branchline.engine.events import Event
from branchline.engine.evolve import evolve
from branchline.engine.plan import Plan, Scope
from branchline.engine.state import Branch, Execution
from branchline.engine.values import LazyObject


class Transition:
    """The state, the events that have been decided so far, and what is still to be looked at.

    ``emit`` applies each event at once, so that every rule sees the state as it has become.
    """

    def __init__(self, plan: Plan, state: Execution, now: int, chance: float) -> None:
        self.plan = plan
        self.state = state
        self.now = now
        """Microseconds since the epoch."""
        self.chance = chance
        """A number from 0 up to 1, for jitter."""
        self.events: list[Event] = []
        self.entering: deque[tuple[str, str]] = deque()
        """The branches that are about to enter a step, and the step."""
        self.steps_entered = 0
        self._inputs: LazyObject | None = None

    def emit(self, event: Event) -> None:
        """Record an event and apply it."""
        evolve(self.state, event, self.now)
        self.events.append(event)

    def scope(self, branch: Branch) -> Scope:
        """What expressions see in a branch (semantics 3.1); good until its variables change."""
        if self._inputs is None:
            self._inputs = LazyObject(self.state.inputs)
        return {
            "inputs": self._inputs,
            "state": LazyObject(branch.variables),
            "execution": {"id": self.state.id, "workflow": self.state.workflow},
            "branch": {"id": branch.id, "name": branch.label},
        }
