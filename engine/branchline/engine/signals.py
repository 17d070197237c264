"""Signals: stored first, then given to the branch that has waited longest (semantics 10)."""

from __future__ import annotations

from collections.abc import Iterable

from branchline.engine import activities, attempts
from branchline.engine.commands import Signal, WaitInTask
from branchline.engine.events import (
    SignalAwaited,
    SignalConsumed,
    SignalReceived,
    StepCompleted,
    TaskWaiting,
    WaitTimedOut,
)
from branchline.engine.expressions import ExpressionError
from branchline.engine.failures import NO_SIGNAL
from branchline.engine.finishing import (
    complete_step,
    fail_attempt,
    fail_step,
    go_to,
    pause_between_attempts,
)
from branchline.engine.inputs import json_type
from branchline.engine.plan import StepPlan
from branchline.engine.state import Attempt, Branch, Status, timer_owner
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


def time_out_in_task(t: Transition, branch: Branch, item: int) -> None:
    """Deliver an attempt again whose wait was in vain: there the wait raises (7.7)."""
    t.emit(WaitTimedOut(branch=branch.id, item=item))
    attempts.attempt_again(t, branch, item)


def time_out(t: Transition, branch: Branch) -> None:
    """Send a branch that waited in vain where its step says (semantics 10.2)."""
    wait = t.plan.step(branch.step).step.wait_signal
    t.emit(WaitTimedOut(branch=branch.id))
    if wait is not None and wait.on_timeout:
        t.emit(StepCompleted(branch=branch.id))
        go_to(t, branch, wait.on_timeout)
    else:
        fail_attempt(t, branch, NO_SIGNAL)


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


def wait_in_task(t: Transition, command: WaitInTask) -> None:
    """Let an attempt wait; it is delivered again when the wait is over (semantics 7.7)."""
    branch, _ = activities.owner(t, command.task)
    t.emit(
        TaskWaiting(
            task=command.task,
            key=command.key,
            topic=command.topic,
            until=t.now + command.timeout,
            deliveries=command.deliveries,
        )
    )
    deliver(t, command.topic)
    pause_between_attempts(t, branch)


def deliver_all(t: Transition, resumed: Iterable[Branch]) -> None:
    """Give stored signals to whatever waits in branches that go on again."""
    for topic in [wait.topic for branch in resumed for wait in branch.waits]:
        deliver(t, topic)


def deliver(t: Transition, topic: str) -> None:
    """Give a stored signal of a topic to the longest waiting that is not paused (10.1)."""
    stored = t.state.signals.get(topic)
    waiter = next((key for key in t.state.waiters.get(topic, ()) if _may_take(t, key)), None)
    if not stored or waiter is None:
        return
    branch_id, item = timer_owner(waiter)
    branch = t.state.branches[branch_id]
    number = stored[0].number
    if branch.wait is None:
        t.emit(SignalConsumed(branch=branch.id, signal=number, item=item))
        attempts.attempt_again(t, branch, item)
        return
    t.emit(SignalConsumed(branch=branch.id, signal=number))
    wait = t.plan.step(branch.step).step.wait_signal
    complete_step(t, branch, wait.store if wait else "")


def _may_take(t: Transition, waiter: str) -> bool:
    return t.state.branches[timer_owner(waiter)[0]].status is not Status.PAUSED
