"""Events of pauses: what is held, and the times that are frozen with it."""

from __future__ import annotations

from branchline.engine import events as e
from branchline.engine.evolve._branches import mark_dormant, set_status
from branchline.engine.evolve._times import freeze, thaw
from branchline.engine.state import DEADLINE, Execution, Held, Status


def pause_requested(state: Execution, event: e.PauseRequested, _time: int) -> None:
    """Apply ``PauseRequested``."""
    state.branches[event.branch].pause = event.reason


def branch_paused(state: Execution, event: e.BranchPaused, time: int) -> None:
    """Apply ``BranchPaused``."""
    branch = state.branches[event.branch]
    branch.pause = event.reason
    left = freeze(state, branch, time)
    branch.held = Held(branch.status, event.next, event.step, left)
    set_status(state, branch, Status.PAUSED)


def branch_unpaused(state: Execution, event: e.BranchUnpaused, time: int) -> None:
    """Apply ``BranchUnpaused``."""
    branch = state.branches[event.branch]
    branch.pause = None
    held, branch.held = branch.held, None
    if held is None:
        return
    thaw(state, branch, held.left, time)
    set_status(state, branch, held.status)
    if branch.wait is None and branch.sleep_until is None:
        mark_dormant(state, branch)


def keep_deadline(state: Execution, time: int) -> None:
    """Stop the execution's own clock while all its branches are paused (semantics 4.12)."""
    due = state.timers.due.get(DEADLINE)
    all_paused = _all_paused(state)
    if due is not None and all_paused:
        state.timers.stop(DEADLINE)
        state.deadline_left = max(due - time, 0)
    elif state.deadline_left is not None and not all_paused:
        state.timers.start(DEADLINE, time + state.deadline_left)
        state.deadline_left = None


def _all_paused(state: Execution) -> bool:
    """Whether every live branch is paused; at a join it is enough that it shall be (10.5)."""
    if Status.PAUSED not in state.live or state.live.keys() - {Status.PAUSED, Status.WAITING}:
        return False
    waiting = (branch for join in state.joins.values() for branch in join.waiting)
    return all(state.branches[branch].pause is not None for branch in waiting)
