"""Taking a failed execution up again (semantics 4.9)."""

from __future__ import annotations

from branchline.engine import attempts, branches, signals, steps
from branchline.engine.commands import Retry
from branchline.engine.errors import NotRetryable
from branchline.engine.events import BranchResumed, ExecutionRetried
from branchline.engine.state import Branch, Status
from branchline.engine.transition import Transition

_FOR_GOOD = frozenset({"output_error", "join_deadlock", "duplicate_branch"})
"""Failures of the graph itself, which would only happen again."""


def retry(t: Transition, _command: Retry) -> None:
    """Let the failed branches begin their step again, and the stopped ones go on.

    Raises ``NotRetryable``.
    """
    state = t.state
    if state.end is not Status.FAILED or state.error is None:
        raise NotRetryable(f"only a failed execution can be retried: it is {state.status}")
    if state.error.type in _FOR_GOOD:
        raise NotRetryable(f"a retry cannot mend {state.error.type}: start a new execution")
    limit = state.time_limit
    t.emit(ExecutionRetried(deadline=None if limit is None else t.now + limit))
    stopped = [branch for branch in state.branches.values() if branch.stopped is not None]
    for branch in stopped:
        _resume(t, branch)


def _resume(t: Transition, branch: Branch) -> None:
    stopped, failed = branch.stopped, branch.status is Status.FAILED
    if stopped is None or t.state.status.closed:
        return  # a branch before it has failed again, at once
    t.emit(BranchResumed(branch=branch.id))
    if stopped.entering:
        t.entering.append((branch.id, stopped.entering))
    elif stopped.at_edges:
        branches.follow_edges(t, branch)
    elif failed:
        steps.begin(t, branch)
    elif branch.status is Status.SUSPENDED:
        signals.deliver_all(t, [branch])
    elif branch.status is Status.RUNNING:
        attempts.go_on(t, branch)
