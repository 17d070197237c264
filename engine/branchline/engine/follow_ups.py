"""What is started when an execution completes (semantics 11.5)."""

from __future__ import annotations

from branchline.engine.commands import ChildBegan, ChildRefused
from branchline.engine.events import (
    Failure,
    FollowUpFailed,
    FollowUpRequested,
    FollowUpStarted,
)
from branchline.engine.expressions import ExpressionError
from branchline.engine.limits import DEEPEST_CHILD
from branchline.engine.plan import FollowUpPlan
from branchline.engine.transition import Transition
from branchline.engine.values import LazyObject, Variables


def ask(t: Transition, outputs: Variables) -> None:
    """Ask for the follow-ups whose condition holds; the execution completes with their start."""
    for plan in t.plan.follow_ups:
        try:
            _ask(t, plan, outputs)
        except ExpressionError as error:
            t.emit(FollowUpFailed(workflow=plan.workflow, error=t.failure_of(error)))


def _ask(t: Transition, plan: FollowUpPlan, outputs: Variables) -> None:
    scope = {
        "inputs": LazyObject(t.state.inputs, t.spend_text),
        "outputs": LazyObject(outputs, t.spend_text),
        "execution": {"id": t.state.id, "workflow": t.state.workflow},
    }
    if plan.condition is not None and not plan.condition.holds(scope, t.allowance):
        return
    if t.state.depth >= DEEPEST_CHILD:
        message = f"executions start each other {DEEPEST_CHILD} deep: a recursion without end?"
        error = Failure("child_depth", message)
        t.emit(FollowUpFailed(workflow=plan.workflow, error=error))
        return
    inputs = plan.inputs.members(scope, t.allowance)
    t.emit(FollowUpRequested(child=t.state.next_child, workflow=plan.workflow, inputs=inputs))


def begun(t: Transition, command: ChildBegan) -> None:
    """Note a follow-up that exists now."""
    t.emit(FollowUpStarted(child=command.child, execution=command.execution))


def refused(t: Transition, command: ChildRefused) -> None:
    """Note a follow-up that cannot be started."""
    workflow = t.state.requests[command.child].workflow
    t.emit(FollowUpFailed(child=command.child, workflow=workflow, error=command.error))
