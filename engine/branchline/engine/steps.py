"""How a branch enters a step, and what its kind begins with (semantics 2.4)."""

from __future__ import annotations

from branchline.engine import attempts, branches, joins, signals
from branchline.engine.events import BranchPaused, Failure, Next, SleepStarted, StepStarted
from branchline.engine.expressions import ExpressionError
from branchline.engine.limits import STEPS_AT_ONCE
from branchline.engine.plan import StepPlan
from branchline.engine.state import Branch
from branchline.engine.transition import Transition


def enter(t: Transition, branch: Branch, name: str) -> None:
    """Let a branch enter a step."""
    t.steps_entered += 1
    if t.steps_entered > STEPS_AT_ONCE:
        message = f"more than {STEPS_AT_ONCE} steps in a row took no time: a loop without end?"
        branches.fail(t, branch, Failure("endless_loop", message), entering=name)
        return
    t.emit(StepStarted(branch=branch.id, step=name))
    begin(t, branch)


def begin(t: Transition, branch: Branch) -> None:
    """Let a branch begin, or begin again, with the step that it is in."""
    plan = t.plan.step(branch.step)
    if plan.step.activity or plan.step.child is not None:
        attempts.begin(t, branch, plan)
    elif plan.step.wait_signal is not None:
        signals.begin_wait(t, branch, plan)
    elif plan.step.sleep is not None:
        _sleep(t, branch, plan)
    elif plan.step.pause is not None:
        _pause(t, branch, plan)
    else:
        joins.reach(t, branch)


def _pause(t: Transition, branch: Branch, plan: StepPlan) -> None:
    """Choose the way on now, and hold the branch behind the step (semantics 10.4)."""
    pause = plan.step.pause
    reason = pause.reason if pause else ""
    try:
        matches = branches.matching_edges(t, branch, first_only=True)
    except ExpressionError as error:
        branches.fail(t, branch, t.failure_of(error))
        return
    if matches:
        step = matches[0].step
        t.emit(BranchPaused(branch=branch.id, reason=reason, next=Next.ENTER, step=step))
    else:
        t.emit(BranchPaused(branch=branch.id, reason=reason, next=Next.END))


def _sleep(t: Transition, branch: Branch, plan: StepPlan) -> None:
    sleep = plan.step.sleep
    duration = (sleep.duration if sleep else None) or 0
    t.emit(SleepStarted(branch=branch.id, until=t.now + duration))
