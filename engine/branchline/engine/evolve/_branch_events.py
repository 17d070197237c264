"""Events of branches and joins."""

from __future__ import annotations

from branchline.engine import events as e
from branchline.engine import paths
from branchline.engine.evolve._branches import add_branch, end_branch, set_status
from branchline.engine.state import Branch, Execution, JoinState, Status
from branchline.engine.values import Json, encode


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
    end_branch(state, state.branches[event.branch], Status.COMPLETED)


def branch_failed(state: Execution, event: e.BranchFailed, _time: int) -> None:
    """Apply ``BranchFailed``."""
    branch = state.branches[event.branch]
    branch.error = event.error
    end_branch(state, branch, Status.FAILED)


def branch_canceled(state: Execution, event: e.BranchCanceled, _time: int) -> None:
    """Apply ``BranchCanceled``."""
    end_branch(state, state.branches[event.branch], Status.CANCELED)


def join_reached(state: Execution, event: e.JoinReached, _time: int) -> None:
    """Apply ``JoinReached``."""
    branch = state.branches[event.branch]
    state.joins.setdefault(branch.step, JoinState()).waiting.append(branch.id)
    set_status(state, branch, Status.WAITING)


def join_passed(state: Execution, event: e.JoinPassed, _time: int) -> None:
    """Apply ``JoinPassed``."""
    branch = state.branches[event.branch]
    join = state.joins[branch.step]
    join.waiting.remove(branch.id)
    join.taken.update(event.taken)
    join.left_out.update(event.left_out)
    # All is read before anything is written: a branch may take from its own variables.
    copies = [(merge, _merged(state.branches[merge.branch], merge)) for merge in event.merges]
    for merge, document in copies:
        if document is not None:
            paths.write(branch.variables, merge.destination, document)
    set_status(state, branch, Status.RUNNING)


def _merged(source: Branch, merge: e.Merge) -> Json | None:
    if merge.variable:
        return paths.read(source.variables, merge.variable)
    return encode(source.variables)
