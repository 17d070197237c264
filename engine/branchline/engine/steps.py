"""How a branch enters a step, and what its kind begins with (semantics 2.4)."""

from __future__ import annotations

from branchline.engine import activities, branches, joins, signals
from branchline.engine.events import Failure, SleepStarted, StepStarted
from branchline.engine.plan import StepPlan
from branchline.engine.state import Branch
from branchline.engine.transition import Transition

STEPS_AT_ONCE = 10_000
"""How many steps may be entered at once: a loop of steps that take no time ends there."""


def enter(t: Transition, branch: Branch, name: str) -> None:
    """Let a branch enter a step."""
    t.steps_entered += 1
    if t.steps_entered > STEPS_AT_ONCE:
        message = f"more than {STEPS_AT_ONCE} steps in a row took no time: a loop without end?"
        branches.fail(t, branch, Failure("endless_loop", message))
        return
    t.emit(StepStarted(branch=branch.id, step=name))
    plan = t.plan.step(name)
    if plan.step.activity:
        activities.begin(t, branch, plan)
    elif plan.step.wait_signal is not None:
        signals.begin_wait(t, branch, plan)
    elif plan.step.sleep is not None:
        _sleep(t, branch, plan)
    else:
        joins.reach(t, branch)


def _sleep(t: Transition, branch: Branch, plan: StepPlan) -> None:
    sleep = plan.step.sleep
    duration = (sleep.duration if sleep else None) or 0
    t.emit(SleepStarted(branch=branch.id, until=t.now + duration))
