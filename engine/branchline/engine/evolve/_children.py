"""Events of children and follow-ups."""

from __future__ import annotations

from branchline.engine import events as e
from branchline.engine.evolve._branches import mark_dormant
from branchline.engine.state import (
    REQUESTS,
    Attempt,
    AttemptRef,
    Branch,
    Execution,
    FollowUpResult,
    Outcome,
    Request,
    timer_key,
)
from branchline.engine.values import encode


def child_requested(state: Execution, event: e.ChildRequested, time: int) -> None:
    """Apply ``ChildRequested``."""
    item = event.item or 0
    branch = state.branches[event.branch]
    visit = branch.visit
    attempt = visit.attempts.setdefault(item, Attempt())
    attempt.child = event.child
    visit.next_item = max(visit.next_item, item + 1)
    state.children[event.child] = AttemptRef(event.branch, item)
    state.timers.stop(timer_key(event.branch, item))
    request = Request(event.workflow, event.inputs, event.version, event.wait, event.timeout)
    _ask(state, event.child, request, time)
    mark_dormant(state, branch)


def child_started(state: Execution, event: e.ChildStarted, _time: int) -> None:
    """Apply ``ChildStarted``."""
    request = _answer(state, event.child)
    ref = state.children[event.child]
    branch = state.branches[ref.branch]
    visit = branch.visit
    if request.wait:
        visit.attempts[ref.item].execution = event.execution
        visit.waiting += 1
        if event.until is not None:
            state.timers.start(timer_key(branch.id, ref.item), event.until)
    else:
        result = {"execution_id": event.execution, "workflow_name": request.workflow}
        _complete(state, event.child, Outcome(encode(result)))
    mark_dormant(state, branch)


def child_completed(state: Execution, event: e.ChildCompleted, _time: int) -> None:
    """Apply ``ChildCompleted``."""
    branch = _leave(state, event.child)
    _complete(state, event.child, Outcome(event.result))
    mark_dormant(state, branch)


def child_failed(state: Execution, event: e.ChildFailed, _time: int) -> None:
    """Apply ``ChildFailed``."""
    ref = state.children[event.child]
    branch = _leave(state, event.child)
    del state.children[event.child]
    branch.visit.attempts[ref.item].failed = event.error
    mark_dormant(state, branch)


def child_timed_out(state: Execution, event: e.ChildTimedOut, _time: int) -> None:
    """Apply ``ChildTimedOut``."""
    branch = _leave(state, event.child)
    del state.children[event.child]
    mark_dormant(state, branch)


def children_stopped(state: Execution, event: e.ChildrenStopped, _time: int) -> None:
    """Apply ``ChildrenStopped``."""
    for child in event.children:
        branch = _leave(state, child)
        del state.children[child]
        mark_dormant(state, branch)


def follow_up_requested(state: Execution, event: e.FollowUpRequested, time: int) -> None:
    """Apply ``FollowUpRequested``."""
    _ask(state, event.child, Request(event.workflow, event.inputs), time)


def follow_up_started(state: Execution, event: e.FollowUpStarted, _time: int) -> None:
    """Apply ``FollowUpStarted``."""
    request = _answer(state, event.child)
    state.follow_ups.append(FollowUpResult(request.workflow, event.execution))


def follow_up_failed(state: Execution, event: e.FollowUpFailed, _time: int) -> None:
    """Apply ``FollowUpFailed``."""
    if event.child:
        _answer(state, event.child)
    state.follow_ups.append(FollowUpResult(event.workflow, error=event.error))


def _ask(state: Execution, child: int, request: Request, time: int) -> None:
    if not state.requests:
        state.timers.start(REQUESTS, time)
    state.requests[child] = request
    state.next_child = child + 1


def _answer(state: Execution, child: int) -> Request:
    request = state.requests.pop(child)
    if not state.requests:
        state.timers.stop(REQUESTS)
    return request


def _leave(state: Execution, child: int) -> Branch:
    """Ask no more for a child, nor wait for it."""
    ref = state.children[child]
    branch = state.branches[ref.branch]
    attempt = branch.visit.attempts[ref.item]
    if child in state.requests:
        _answer(state, child)
    else:
        branch.visit.waiting -= 1
    attempt.child, attempt.execution = None, ""
    key = timer_key(branch.id, ref.item)
    state.timers.stop(key)
    if branch.held is not None:
        branch.held.left.pop(key, None)
    return branch


def _complete(state: Execution, child: int, outcome: Outcome) -> None:
    ref = state.children.pop(child)
    visit = state.branches[ref.branch].visit
    del visit.attempts[ref.item]
    visit.outcomes[ref.item] = outcome
