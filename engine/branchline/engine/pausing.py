"""Pausing branches and letting them go on (semantics 10.4, 10.5)."""

from __future__ import annotations

from branchline.engine import attempts, branches, signals
from branchline.engine.commands import Pause, Unpause
from branchline.engine.errors import BranchEnded, ExecutionClosed, UnknownBranch
from branchline.engine.events import (
    BranchCompleted,
    BranchPaused,
    BranchUnpaused,
    Next,
    PauseRequested,
    StepCompleted,
)
from branchline.engine.state import Branch, Status
from branchline.engine.transition import Transition


def pause(t: Transition, command: Pause) -> None:
    """Pause a branch, or all that are live: now, or at the next step boundary (10.5)."""
    for branch in _named(t, command.branch):
        if branch.status is Status.PAUSED or branch.is_at_work or branch.status is Status.WAITING:
            _request(t, branch, command.reason)
        else:
            t.emit(BranchPaused(branch=branch.id, reason=command.reason))


def unpause(t: Transition, command: Unpause) -> None:
    """Let a branch, or all, go on; nothing happens to one that is not paused (10.5)."""
    named = _named(t, command.branch)
    for branch in named:
        stopped = branch.status.closed  # one before it has failed
        if branch.pause is not None and not stopped:
            _go_on(t, branch)
    # A stored signal is for whoever has waited longest, so all must be back before.
    signals.deliver_all(t, named)


def _named(t: Transition, branch_id: str) -> list[Branch]:
    if not branch_id:
        live = t.state.live_branches()
        if not live:
            # It completes together with the start of its follow-ups.
            raise ExecutionClosed("the execution has ended: no branch is left")
        return live
    branch = t.state.branches.get(branch_id)
    if branch is None:
        raise UnknownBranch(f'the execution has no branch "{branch_id}"')
    if branch.status.closed:
        raise BranchEnded(f'the branch "{branch_id}" has ended: it is {branch.status}')
    return [branch]


def _request(t: Transition, branch: Branch, reason: str) -> None:
    if branch.pause != reason:
        t.emit(PauseRequested(branch=branch.id, reason=reason))


def _go_on(t: Transition, branch: Branch) -> None:
    held = branch.held
    t.emit(BranchUnpaused(branch=branch.id))
    if held is None:
        return
    if held.next is not Next.STAY and t.plan.step(branch.step).step.pause is not None:
        t.emit(StepCompleted(branch=branch.id))
    match held.next:
        case Next.STAY:
            if t.plan.step(branch.step).step.child is not None:
                attempts.go_on(t, branch)
        case Next.EDGES:
            branches.follow_edges(t, branch)
        case Next.ENTER:
            t.entering.append((branch.id, held.step))
        case _:  # Next.END
            t.emit(BranchCompleted(branch=branch.id))
