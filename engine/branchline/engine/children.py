"""What becomes of the children of child steps (semantics 11.1-11.3)."""

from __future__ import annotations

from branchline.engine import attempts, follow_ups
from branchline.engine.commands import ChildBegan, ChildClosed, ChildRefused
from branchline.engine.definition import SECOND
from branchline.engine.events import (
    ChildCompleted,
    ChildFailed,
    ChildStarted,
    ChildTimedOut,
    Failure,
)
from branchline.engine.failures import CHILD_TOO_LATE
from branchline.engine.finishing import fail_attempt, pause_between_attempts
from branchline.engine.state import Branch, Status
from branchline.engine.transition import Transition
from branchline.engine.values import Json, encode


def begun(t: Transition, command: ChildBegan) -> None:
    """Wait for a child that exists now, or leave it to itself (semantics 11.2)."""
    request = t.state.requests.get(command.child)
    ref = t.state.children.get(command.child)
    if request is None:
        return
    if ref is None:
        follow_ups.begun(t, command)
        return
    branch = t.state.branches[ref.branch]
    limited = request.wait and request.timeout is not None
    until = t.now + (request.timeout or 0) if limited else None
    t.emit(ChildStarted(child=command.child, execution=command.execution, until=until))
    if request.wait:
        pause_between_attempts(t, branch)
    else:
        attempts.after_outcome(t, branch)


def refused(t: Transition, command: ChildRefused) -> None:
    """Take the error of a child that cannot be started."""
    if command.child not in t.state.requests:
        return
    if command.child in t.state.children:
        _fail(t, command.child, command.error)
    else:
        follow_ups.refused(t, command)


def closed(t: Transition, command: ChildClosed) -> None:
    """Take the result or the error of a child, unless nobody waits for it any more."""
    ref = t.state.children.get(command.child)
    if ref is None:
        return
    branch = t.state.branches[ref.branch]
    execution = branch.visit.attempts[ref.item].execution
    if command.status is Status.COMPLETED:
        t.emit(ChildCompleted(child=command.child, result=_result(execution, command)))
        if branch.status is not Status.PAUSED:
            attempts.after_outcome(t, branch)
    elif command.error is not None:
        _fail(t, command.child, command.error)
    else:
        message = f"the child {execution} was cancelled"
        _fail(t, command.child, Failure("child_canceled", message))


def time_out(t: Transition, branch: Branch, item: int) -> None:
    """Stop waiting for a child that takes too long; it is cancelled."""
    attempt = branch.visit.attempts[item]
    t.emit(ChildTimedOut(child=attempt.child or 0, execution=attempt.execution))
    _fail_attempt(t, branch, CHILD_TOO_LATE, item)


def _fail(t: Transition, child: int, error: Failure) -> None:
    ref = t.state.children[child]
    branch = t.state.branches[ref.branch]
    t.emit(ChildFailed(child=child, error=error))
    if branch.status is not Status.PAUSED:
        _fail_attempt(t, branch, error, ref.item)


def _fail_attempt(t: Transition, branch: Branch, error: Failure, item: int) -> None:
    fail_attempt(t, branch, error, None if branch.visit.items is None else item)


def _result(execution: str, command: ChildClosed) -> Json:
    return encode(
        {
            "outputs": command.outputs,
            "status": command.status,
            "execution_id": execution,
            "duration": command.duration / SECOND,
            "success": True,
        }
    )
