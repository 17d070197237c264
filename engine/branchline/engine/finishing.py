"""How a step ends: with a result, with another attempt, in a catch, or with its branch."""

from __future__ import annotations

from branchline.engine import branches, matching
from branchline.engine.events import (
    BranchPaused,
    Failure,
    Next,
    RetryScheduled,
    StepCompleted,
    StepFailed,
)
from branchline.engine.plan import StepPlan
from branchline.engine.state import Attempt, Branch
from branchline.engine.transition import Transition


def complete_step(t: Transition, branch: Branch, store: str = "") -> None:
    """End a step with its result; its edges come next."""
    t.emit(StepCompleted(branch=branch.id, store=store))
    if branch.pause is not None:
        t.emit(BranchPaused(branch=branch.id, reason=branch.pause, next=Next.EDGES))
    else:
        branches.follow_edges(t, branch)


def fail_attempt(t: Transition, branch: Branch, error: Failure, item: int | None = None) -> None:
    """Try a failed attempt again, or fail its step (semantics 8.3, 9.3)."""
    plan = t.plan.step(branch.step)
    if _retry(t, branch, plan, error, item):
        pause_between_attempts(t, branch)
    else:
        fail_step(t, branch, error)


def pause_between_attempts(t: Transition, branch: Branch) -> None:
    """Pause a branch that shall be, once its step has nothing but delays left (10.5)."""
    if branch.pause is not None and branch.visit.attempts and not branch.is_at_work:
        t.emit(BranchPaused(branch=branch.id, reason=branch.pause))


def fail_step(t: Transition, branch: Branch, error: Failure) -> None:
    """Send the branch where a catch says, or fail it (semantics 8.4)."""
    branches.withdraw(t, branch)
    catch = t.plan.step(branch.step).step.catch
    # A loop that caught its own exhaustion would go on.
    handler = None if t.allowance.is_spent else matching.pick_handler(catch, error.type)
    if handler is None:
        t.emit(StepFailed(branch=branch.id, error=error))
        branches.fail(t, branch, error)
        return
    t.emit(StepFailed(branch=branch.id, error=error, caught_by=handler.next, store=handler.store))
    go_to(t, branch, handler.next)


def go_to(t: Transition, branch: Branch, step: str) -> None:
    """Send a branch to a step that is chosen; this lies between two steps (10.5)."""
    if branch.pause is not None:
        t.emit(BranchPaused(branch=branch.id, reason=branch.pause, next=Next.ENTER, step=step))
    else:
        t.entering.append((branch.id, step))


def _retry(t: Transition, branch: Branch, plan: StepPlan, error: Failure, item: int | None) -> bool:
    attempt = branch.visit.attempts.get(item or 0, Attempt())
    index = attempt.policy
    if index is None:
        index = matching.pick_policy(plan.step.retry, error.type)
    if index is None:
        return False
    policy = plan.step.retry[index]
    if not matching.allows_retry(policy, attempt.number - 1, error.type):
        return False
    delay = matching.retry_delay(policy, attempt.number, t.chance)
    t.emit(
        RetryScheduled(
            branch=branch.id,
            item=item,
            attempt=attempt.number + 1,
            policy=index,
            due=t.now + delay,
        )
    )
    return True
