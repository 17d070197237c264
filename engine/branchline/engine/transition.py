"""One transition of an execution: the events that follow from one command."""

from __future__ import annotations

from collections import deque

from branchline.engine.events import ChildRequested, Event, Failure, TaskScheduled
from branchline.engine.evolve import evolve
from branchline.engine.expressions import Allowance, ExpressionError
from branchline.engine.limits import (
    CHARACTERS_PER_STEP,
    ENOUGH_EVALUATION,
    ENOUGH_PARAMETERS,
    ENOUGH_STEPS,
    ENOUGH_TASKS,
    EVALUATION_STEPS,
)
from branchline.engine.plan import Plan, Scope
from branchline.engine.state import Branch, Execution
from branchline.engine.values import LazyObject, size


class _Allowance(Allowance):
    """What all evaluations of a transition may take, the reading of documents included.

    The scopes of expressions refer to it, and not to the transition that has made them: a cycle
    would keep each transition, and its execution's state, until the garbage collector comes by.
    """

    __slots__ = ()

    def spend_text(self, length: int) -> None:
        """Count the reading or copying of documents, in bytes, as evaluation."""
        self.spend(length // CHARACTERS_PER_STEP)


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
        self.allowance = _Allowance(EVALUATION_STEPS)
        """What all evaluations of the transition may take together."""
        self._tasks = 0
        self._parameters = 0
        """Bytes of the parameters of all scheduled tasks, and of the inputs of children."""
        self._inputs: LazyObject | None = None

    def emit(self, event: Event) -> None:
        """Record an event and apply it."""
        evolve(self.state, event, self.now)
        self.events.append(event)
        if isinstance(event, TaskScheduled):
            self._tasks += 1
            self._parameters += size(event.parameters)
        elif isinstance(event, ChildRequested):
            self._tasks += 1
            self._parameters += sum(map(size, event.inputs.values()))

    @property
    def has_enough_tasks(self) -> bool:
        """Whether what else is to be scheduled should wait for the next transition.

        Never before the first task, so that each transition gets on.
        """
        return self._tasks > 0 and (
            self._tasks >= ENOUGH_TASKS
            or self._parameters >= ENOUGH_PARAMETERS
            or self._has_evaluated_enough
        )

    @property
    def is_large(self) -> bool:
        """Whether whoever else is due should be woken by the next transition."""
        return (
            self.has_enough_tasks
            or self.steps_entered >= ENOUGH_STEPS
            or self._has_evaluated_enough
        )

    @property
    def _has_evaluated_enough(self) -> bool:
        return self.allowance.left < EVALUATION_STEPS - ENOUGH_EVALUATION

    def spend_text(self, length: int) -> None:
        """Count the reading or copying of documents, in bytes, as evaluation."""
        self.allowance.spend_text(length)

    def failure_of(self, error: ExpressionError) -> Failure:
        """What an evaluation fails its branch with (semantics 3.6)."""
        return self.exhaustion or Failure("expression_error", str(error))

    @property
    def exhaustion(self) -> Failure | None:
        """The failure of a branch when the allowance is spent, None while it is not."""
        if not self.allowance.is_spent:
            return None
        message = (
            f"all that had to be evaluated at once took more than {EVALUATION_STEPS:,} steps:"
            " a loop without end?"
        )
        return Failure("endless_loop", message)

    def scope(self, branch: Branch) -> Scope:
        """What expressions see in a branch (semantics 3.1); good until its variables change."""
        spend_text = self.allowance.spend_text
        if self._inputs is None:
            self._inputs = LazyObject(self.state.inputs, spend_text)
        return {
            "inputs": self._inputs,
            "state": LazyObject(branch.variables, spend_text),
            "execution": {"id": self.state.id, "workflow": self.state.workflow},
            "branch": {"id": branch.id, "name": branch.label},
        }
