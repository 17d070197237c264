"""Events of pauses: what is held, and the times that are frozen with it."""

from __future__ import annotations

from branchline.engine import events as e
from branchline.engine.evolve._branches import set_status
from branchline.engine.state import (
    DEADLINE,
    Branch,
    Execution,
    Held,
    SignalWait,
    Status,
    timer_key,
)


def pause_requested(state: Execution, event: e.PauseRequested, _time: int) -> None:
    """Apply ``PauseRequested``."""
    state.branches[event.branch].pause = event.reason


def branch_paused(state: Execution, event: e.BranchPaused, time: int) -> None:
    """Apply ``BranchPaused``."""
    branch = state.branches[event.branch]
    branch.pause = event.reason
    left = {key: max(state.timers.due[key] - time, 0) for key in _timer_keys(state, branch)}
    for key in left:
        state.timers.stop(key)
    branch.held = Held(branch.status, event.next, event.step, left)
    set_status(state, branch, Status.PAUSED)


def branch_unpaused(state: Execution, event: e.BranchUnpaused, time: int) -> None:
    """Apply ``BranchUnpaused``."""
    branch = state.branches[event.branch]
    branch.pause = None
    held, branch.held = branch.held, None
    if held is None:
        return
    for key, left in held.left.items():
        state.timers.start(key, time + left)
    own = held.left.get(timer_key(branch.id))
    if own is not None and branch.wait is not None:
        branch.wait = SignalWait(branch.wait.topic, time + own)
    if own is not None and branch.sleep_until is not None:
        branch.sleep_until = time + own
    set_status(state, branch, held.status)


def keep_deadline(state: Execution, time: int) -> None:
    """Stop the execution's own clock while all its branches are paused (semantics 4.12)."""
    due = state.timers.due.get(DEADLINE)
    all_paused = state.live.keys() == {Status.PAUSED}
    if due is not None and all_paused:
        state.timers.stop(DEADLINE)
        state.deadline_left = max(due - time, 0)
    elif state.deadline_left is not None and not all_paused:
        if state.end is None:
            state.timers.start(DEADLINE, time + state.deadline_left)
        state.deadline_left = None


def _timer_keys(state: Execution, branch: Branch) -> list[str]:
    keys = dict.fromkeys(timer_key(branch.id, item) for item in (0, *branch.visit.attempts))
    return [key for key in keys if key in state.timers.due]
