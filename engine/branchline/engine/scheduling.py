"""What an attempt begins with: a task for a worker, or the request for a child."""

from __future__ import annotations

from branchline.engine.definition import Child
from branchline.engine.events import ChildRequested, Failure, TaskScheduled
from branchline.engine.limits import DEEPEST_CHILD
from branchline.engine.plan import Scope, StepPlan
from branchline.engine.state import Attempt, Branch
from branchline.engine.transition import Transition
from branchline.engine.values import WithItem


class StepFault(Exception):
    """An attempt that cannot begin, nor could another one."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def schedule(t: Transition, branch: Branch, plan: StepPlan, scope: Scope, item: int = 0) -> None:
    """Let an attempt of a step, or of one of its items, begin.

    Raises ``ExpressionError``, and ``StepFault`` for a child that is nested too deeply.
    """
    scope = _item_scope(branch, plan, scope, item)
    if plan.step.child is not None:
        _request_child(t, branch, plan, plan.step.child, scope, item)
    else:
        _schedule_task(t, branch, plan, scope, item)


def _schedule_task(t: Transition, branch: Branch, plan: StepPlan, scope: Scope, item: int) -> None:
    step, visit = plan.step, branch.visit
    attempt = visit.attempts.get(item) or Attempt()
    parameters = plan.parameters.render(scope, t.allowance)
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


def _request_child(
    t: Transition, branch: Branch, plan: StepPlan, child: Child, scope: Scope, item: int
) -> None:
    """Ask for a child; whoever hosts the execution starts it (semantics 11.1, 11.4)."""
    if t.state.depth >= DEEPEST_CHILD:
        message = f"children are nested {DEEPEST_CHILD} deep: a recursion without end?"
        raise StepFault(Failure("child_depth", message))
    visit = branch.visit
    attempt = visit.attempts.get(item) or Attempt()
    t.emit(
        ChildRequested(
            child=t.state.next_child,
            branch=branch.id,
            item=None if visit.items is None else item,
            attempt=attempt.number,
            workflow=child.workflow,
            version=child.version or 0,
            inputs=plan.child_inputs.members(scope, t.allowance),
            wait=child.wait is not False,
            timeout=plan.time_limit(child.timeout, attempt.policy),
        )
    )


def _item_scope(branch: Branch, plan: StepPlan, scope: Scope, item: int) -> Scope:
    each, items = plan.step.each, branch.visit.items
    if items is None or each is None or not each.as_:
        return scope
    return {**scope, "state": WithItem(scope["state"], each.as_, items[item])}
