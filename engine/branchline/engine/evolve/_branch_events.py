"""Events of branches and joins."""

from __future__ import annotations

from branchline.engine import events as e
from branchline.engine.evolve._branches import (
    add_at_join,
    add_branch,
    end_branch,
    resume_branch,
    set_status,
    stop_branch,
)
from branchline.engine.merging import merged
from branchline.engine.state import Branch, Execution, Status, Stopped


def branch_started(state: Execution, event: e.BranchStarted, _time: int) -> None:
    """Apply ``BranchStarted``."""
    parent = state.branches[event.parent]
    parent.forked = True
    if not event.name:
        state.next_branch = int(event.branch.rpartition("-")[2]) + 1
    add_branch(
        state,
        Branch(
            id=event.branch,
            name=event.name,
            parent=event.parent,
            variables=dict(parent.variables),
        ),
    )


def branch_completed(state: Execution, event: e.BranchCompleted, _time: int) -> None:
    """Apply ``BranchCompleted``."""
    end_branch(state, state.branches[event.branch])


def branch_failed(state: Execution, event: e.BranchFailed, time: int) -> None:
    """Apply ``BranchFailed``."""
    branch = state.branches[event.branch]
    branch.error = event.error
    stopped = Stopped(branch.status, event.at_edges, event.entering)
    stop_branch(state, branch, Status.FAILED, stopped, time)


def branch_canceled(state: Execution, event: e.BranchCanceled, time: int) -> None:
    """Apply ``BranchCanceled``."""
    branch = state.branches[event.branch]
    stopped = Stopped(branch.status, entering=event.entering)
    stop_branch(state, branch, Status.CANCELED, stopped, time)


def branch_resumed(state: Execution, event: e.BranchResumed, time: int) -> None:
    """Apply ``BranchResumed``."""
    resume_branch(state, state.branches[event.branch], time)


def join_reached(state: Execution, event: e.JoinReached, _time: int) -> None:
    """Apply ``JoinReached``."""
    branch = state.branches[event.branch]
    branch.arrived = state.sequence + 1
    add_at_join(state, branch)
    set_status(state, branch, Status.WAITING)


def join_passed(state: Execution, event: e.JoinPassed, _time: int) -> None:
    """Apply ``JoinPassed``."""
    branch = state.branches[event.branch]
    join = state.joins[branch.step]
    join.waiting.remove(branch.id)
    join.taken.update(event.taken)
    join.left_out.update(event.left_out)
    branch.variables = merged(state, branch, event.merges)
    set_status(state, branch, Status.RUNNING)
