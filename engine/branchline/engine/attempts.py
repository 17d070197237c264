"""The attempts of activity and child steps: one, or one per item (semantics 7, 9, 11.1)."""

from __future__ import annotations

from collections.abc import Callable

from branchline.engine.events import ItemsListed, ItemsPostponed, ItemsResumed
from branchline.engine.expressions import ExpressionError
from branchline.engine.finishing import (
    complete_step,
    fail_attempt,
    fail_step,
    pause_between_attempts,
)
from branchline.engine.plan import Scope, StepPlan
from branchline.engine.scheduling import StepFault, schedule
from branchline.engine.state import MORE_ITEMS, Branch, timer_key
from branchline.engine.transition import Transition


def begin(t: Transition, branch: Branch, plan: StepPlan) -> None:
    """Schedule the first attempt, or list the items and schedule the first of theirs.

    In a visit that is taken up again the items are known, and those that are done stay done.
    """

    def schedule_first() -> None:
        scope = t.scope(branch)
        if plan.step.each is None:
            schedule(t, branch, plan, scope)
            return
        if branch.visit.items is None:
            t.emit(ItemsListed(branch=branch.id, items=plan.items.list(scope, t.allowance)))
        _go_on_with_items(t, branch, plan, scope)

    _attempt(t, branch, schedule_first)


def go_on(t: Transition, branch: Branch) -> None:
    """Do what was left undone while the branch was stopped or paused (4.9, 10.5)."""
    plan, visit = t.plan.step(branch.step), branch.visit
    for item in sorted(visit.attempts):
        if t.has_enough_tasks:
            _postpone(t, branch)
            return
        _go_on_with(t, branch, item)
        if branch.status.closed or branch.visit is not visit:
            return
    if visit.items is None and visit.outcomes:
        complete_step(t, branch, plan.step.store)
    elif visit.items is not None or not visit.attempts:
        begin(t, branch, plan)


def begin_more(t: Transition, branch: Branch) -> None:
    """Go on with the items that were too many for the transitions before."""
    t.emit(ItemsResumed(branch=branch.id))
    go_on(t, branch)


def attempt_again(t: Transition, branch: Branch, item: int) -> None:
    """Schedule the attempt whose delay has passed, or whose wait is over."""
    plan = t.plan.step(branch.step)
    _attempt(t, branch, lambda: schedule(t, branch, plan, t.scope(branch), item))


def after_outcome(t: Transition, branch: Branch) -> None:
    """End the step when this was its last outcome; begin other items (semantics 9.2)."""
    plan = t.plan.step(branch.step)
    if branch.visit.items is None:
        complete_step(t, branch, plan.step.store)
        return
    visit = branch.visit
    if timer_key(branch.id, MORE_ITEMS) not in t.state.timers.due:
        _attempt(t, branch, lambda: _go_on_with_items(t, branch, plan, t.scope(branch)))
    if branch.visit is visit and not branch.status.closed:
        pause_between_attempts(t, branch)


def _attempt(t: Transition, branch: Branch, action: Callable[[], None]) -> None:
    """Do what may turn out to be impossible; the step fails then, whatever its retries."""
    try:
        action()
    except ExpressionError as error:
        fail_step(t, branch, t.failure_of(error))
    except StepFault as fault:
        fail_step(t, branch, fault.failure)


def _go_on_with(t: Transition, branch: Branch, item: int) -> None:
    attempt = branch.visit.attempts[item]
    if attempt.failed is not None:
        fail_attempt(t, branch, attempt.failed, None if branch.visit.items is None else item)
    elif attempt.is_idle and timer_key(branch.id, item) not in t.state.timers.due:
        attempt_again(t, branch, item)


def _go_on_with_items(t: Transition, branch: Branch, plan: StepPlan, scope: Scope) -> None:
    """Begin as many items as may be at work (semantics 9.2); end the step after the last."""
    visit = branch.visit
    items = visit.items or ()
    each = plan.step.each
    limit = (each.max_concurrency if each else None) or len(items)
    for item in range(visit.next_item, len(items)):
        if len(visit.attempts) >= limit:
            break
        if item not in visit.outcomes and item not in visit.attempts:
            if t.has_enough_tasks:
                _postpone(t, branch)
                return
            schedule(t, branch, plan, scope, item)
    if not visit.attempts:
        complete_step(t, branch, plan.step.store)


def _postpone(t: Transition, branch: Branch) -> None:
    """Leave the rest of the items to the next transition, so that none is too large."""
    if timer_key(branch.id, MORE_ITEMS) not in t.state.timers.due:
        t.emit(ItemsPostponed(branch=branch.id))
