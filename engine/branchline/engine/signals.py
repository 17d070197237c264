"""Signals: stored first, then given to the branch that has waited longest (semantics 10)."""

from __future__ import annotations

from branchline.engine.commands import Signal
from branchline.engine.events import (
    Failure,
    SignalAwaited,
    SignalConsumed,
    SignalReceived,
    StepCompleted,
    WaitTimedOut,
)
from branchline.engine.expressions import ExpressionError
from branchline.engine.finishing import complete_step, fail_attempt, fail_step, go_to
from branchline.engine.inputs import json_type
from branchline.engine.plan import StepPlan
from branchline.engine.state import Attempt, Branch, Status
from branchline.engine.transition import Transition
from branchline.engine.values import decode


def receive(t: Transition, command: Signal) -> None:
    """Store a signal and let a waiting branch take it (semantics 10.1)."""
    if command.signal_id and command.signal_id in t.state.signal_ids:
        return
    t.emit(
        SignalReceived(
            signal=t.state.next_signal,
            topic=command.topic,
            payload=command.payload,
            signal_id=command.signal_id,
        )
    )
    deliver(t, command.topic)


def begin_wait(t: Transition, branch: Branch, plan: StepPlan) -> None:
    """Let a branch wait, or take a signal that came before (semantics 10.1, 10.2)."""
    wait = plan.step.wait_signal
    try:
        topic = _topic(t, branch, plan)
    except ExpressionError as error:
        fail_step(t, branch, t.failure_of(error))
        return
    policy = branch.visit.attempts.get(0, Attempt()).policy
    limit = plan.time_limit(wait.timeout if wait else None, policy) or 0
    t.emit(SignalAwaited(branch=branch.id, topic=topic, until=t.now + limit))
    deliver(t, topic)


def time_out(t: Transition, branch: Branch) -> None:
    """Send a branch that waited in vain where its step says (semantics 10.2)."""
    wait = t.plan.step(branch.step).step.wait_signal
    t.emit(WaitTimedOut(branch=branch.id))
    if wait is not None and wait.on_timeout:
        t.emit(StepCompleted(branch=branch.id))
        go_to(t, branch, wait.on_timeout)
    else:
        fail_attempt(t, branch, Failure("timeout", "no signal came in time"))


def _topic(t: Transition, branch: Branch, plan: StepPlan) -> str:
    document = plan.topic.render(t.scope(branch), t.allowance)
    try:
        value = decode(document)["topic"]
    except ValueError as error:
        message = f"the topic of a signal can't be read: {error}"
        raise ExpressionError(message) from error
    if isinstance(value, str) and value:
        return value
    found = "empty" if value == "" else json_type(value)
    message = f"the topic of a signal must be a string that is not empty, but is {found}"
    raise ExpressionError(message)


def deliver(t: Transition, topic: str) -> None:
    """Give stored signals of a topic to the longest waiting branches that are not paused."""
    stored = t.state.signals.get(topic)
    waiters = (t.state.branches[waiter] for waiter in t.state.waiters.get(topic, ()))
    branch = next((waiter for waiter in waiters if waiter.status is not Status.PAUSED), None)
    if not stored or branch is None:
        return
    t.emit(SignalConsumed(branch=branch.id, signal=stored[0].number))
    wait = t.plan.step(branch.step).step.wait_signal
    complete_step(t, branch, wait.store if wait else "")
