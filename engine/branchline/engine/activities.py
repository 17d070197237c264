"""Activity steps: their tasks, one or one per item, and what becomes of them (semantics 7, 9)."""

from __future__ import annotations

from branchline.engine.commands import CompleteTask, FailTask, RecordValue
from branchline.engine.errors import TaskGone
from branchline.engine.events import (
    ItemsListed,
    ItemsPostponed,
    ItemsResumed,
    TaskCompleted,
    TaskFailed,
    TaskScheduled,
    ValueRecorded,
)
from branchline.engine.expressions import ExpressionError
from branchline.engine.finishing import (
    complete_step,
    fail_attempt,
    fail_step,
    pause_between_attempts,
)
from branchline.engine.plan import Scope, StepPlan
from branchline.engine.state import MORE_ITEMS, Attempt, Branch, Status, TaskRef, timer_key
from branchline.engine.transition import Transition
from branchline.engine.values import WithItem


def begin(t: Transition, branch: Branch, plan: StepPlan) -> None:
    """Schedule the first attempt, or list the items and schedule the first of theirs.

    In a visit that is taken up again the items are known, and those that are done stay done.
    """
    try:
        scope = t.scope(branch)
        if plan.step.each is not None:
            if branch.visit.items is None:
                t.emit(ItemsListed(branch=branch.id, items=plan.items.list(scope, t.allowance)))
            _go_on_with_items(t, branch, plan, scope)
        else:
            _schedule(t, branch, plan, scope)
    except ExpressionError as error:
        fail_step(t, branch, t.failure_of(error))


def go_on(t: Transition, branch: Branch, plan: StepPlan) -> None:
    """Schedule again the attempts that were withdrawn when the branch was stopped (4.9)."""
    visit = branch.visit
    waiting = [
        item
        for item, attempt in sorted(visit.attempts.items())
        if attempt.task is None and timer_key(branch.id, item) not in t.state.timers.due
    ]
    for item in waiting:
        if t.has_enough_tasks:
            _postpone(t, branch)
            return
        attempt_again(t, branch, item)
        if branch.status is not Status.RUNNING or branch.visit is not visit:
            return
    if branch.visit.items is not None or not branch.visit.attempts:
        begin(t, branch, plan)


def begin_more(t: Transition, branch: Branch) -> None:
    """Go on with the items that were too many for the transitions before."""
    t.emit(ItemsResumed(branch=branch.id))
    go_on(t, branch, t.plan.step(branch.step))


def complete(t: Transition, command: CompleteTask) -> None:
    """Take a result; the step ends when it was the last (semantics 7.5, 9.3)."""
    branch, _ = owner(t, command.task)
    t.emit(
        TaskCompleted(
            task=command.task, result=command.result, set=command.set, remove=command.remove
        )
    )
    plan = t.plan.step(branch.step)
    if branch.visit.items is None:
        complete_step(t, branch, plan.step.store)
        return
    if timer_key(branch.id, MORE_ITEMS) in t.state.timers.due:
        pause_between_attempts(t, branch)
        return
    try:
        _go_on_with_items(t, branch, plan, t.scope(branch))
    except ExpressionError as error:
        fail_step(t, branch, t.failure_of(error))
    else:
        pause_between_attempts(t, branch)


def fail(t: Transition, command: FailTask) -> None:
    """Take an error: another attempt, a catch, or the end of the branch (semantics 8)."""
    branch, ref = owner(t, command.task)
    t.emit(TaskFailed(task=command.task, error=command.error))
    item = None if branch.visit.items is None else ref.item
    fail_attempt(t, branch, command.error, item)


def record(t: Transition, command: RecordValue) -> None:
    """Keep a value for later deliveries and attempts; the first of a key stays (7.8)."""
    branch, ref = owner(t, command.task)
    memory = branch.visit.memories.get(ref.item)
    if memory is None or command.key not in memory.recorded:
        t.emit(ValueRecorded(task=command.task, key=command.key, value=command.value))


def attempt_again(t: Transition, branch: Branch, item: int) -> None:
    """Schedule the attempt whose delay has passed."""
    plan = t.plan.step(branch.step)
    try:
        _schedule(t, branch, plan, t.scope(branch), item)
    except ExpressionError as error:
        fail_step(t, branch, t.failure_of(error))


def owner(t: Transition, task: int) -> tuple[Branch, TaskRef]:
    """Whose attempt a pending task is. Raises ``TaskGone``."""
    ref = t.state.tasks.get(task)
    if ref is None:
        message = f"task {task} has an outcome already, or was withdrawn"
        raise TaskGone(message)
    return t.state.branches[ref.branch], ref


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
            _schedule(t, branch, plan, scope, item)
    if not visit.attempts:
        complete_step(t, branch, plan.step.store)


def _postpone(t: Transition, branch: Branch) -> None:
    """Leave the rest of the items to the next transition, so that none is too large."""
    if timer_key(branch.id, MORE_ITEMS) not in t.state.timers.due:
        t.emit(ItemsPostponed(branch=branch.id))


def _schedule(t: Transition, branch: Branch, plan: StepPlan, scope: Scope, item: int = 0) -> None:
    """Emit the task of an attempt. Raises ``ExpressionError``."""
    step, visit = plan.step, branch.visit
    attempt = visit.attempts.get(item) or Attempt()
    parameters = plan.parameters.render(_item_scope(branch, plan, scope, item), t.allowance)
    t.emit(
        TaskScheduled(
            task=t.state.next_task,
            branch=branch.id,
            item=None if visit.items is None else item,
            attempt=attempt.number,
            deliveries=attempt.deliveries,
            activity=step.activity,
            queue=plan.queue,
            parameters=parameters,
            timeout=plan.time_limit(step.timeout, attempt.policy),
            heartbeat_timeout=step.heartbeat_timeout,
            schedule_timeout=step.schedule_timeout,
        )
    )


def _item_scope(branch: Branch, plan: StepPlan, scope: Scope, item: int) -> Scope:
    each, items = plan.step.each, branch.visit.items
    if items is None or each is None or not each.as_:
        return scope
    return {**scope, "state": WithItem(scope["state"], each.as_, items[item])}
