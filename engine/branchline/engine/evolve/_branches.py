"""How branches begin, stand and end, for all who apply events."""

from __future__ import annotations

from bisect import insort

from branchline.engine.evolve._times import add_waiters, forget_waiters, freeze, stop_times, thaw
from branchline.engine.state import Branch, Execution, JoinState, Status, Stopped, Visit


def add_branch(state: Execution, branch: Branch) -> None:
    """Keep a new branch."""
    state.branches[branch.id] = branch
    state.latest[branch.label] = branch.id
    state.live[branch.status] = state.live.get(branch.status, 0) + 1


def set_status(state: Execution, branch: Branch, status: Status) -> None:
    """Change how a branch stands, and the count of those who stand so."""
    live = state.live
    if not branch.status.closed:
        live[branch.status] -= 1
        if not live[branch.status]:
            del live[branch.status]
    branch.status = status
    if not status.closed:
        live[status] = live.get(status, 0) + 1


def mark_dormant(state: Execution, branch: Branch) -> None:
    """A branch is suspended while all attempts that have begun in its step wait (9.2).

    A branch that is paused stays so: it comes to this when it is unpaused.
    """
    if branch.status not in (Status.RUNNING, Status.SUSPENDED):
        return
    visit = branch.visit
    waits = 0 < visit.waiting == len(visit.attempts)
    status = Status.SUSPENDED if waits else Status.RUNNING
    if branch.status is not status:
        set_status(state, branch, status)


def end_branch(state: Execution, branch: Branch) -> None:
    """Complete a branch: nothing of its way here is needed any more."""
    if branch.status is Status.WAITING:
        state.joins[branch.step].waiting.remove(branch.id)
    leave_visit(state, branch)
    branch.pause = branch.held = None
    set_status(state, branch, Status.COMPLETED)


def stop_branch(
    state: Execution, branch: Branch, status: Status, stopped: Stopped, time: int
) -> None:
    """Fail or cancel a branch; where it was is kept for a retry."""
    if branch.status is Status.WAITING:
        state.joins[branch.step].waiting.remove(branch.id)
    forget_waiters(state, branch)
    left = freeze(state, branch, time)
    branch.stopped = Stopped(branch.status, stopped.at_edges, stopped.entering, left)
    set_status(state, branch, status)


def resume_branch(state: Execution, branch: Branch, time: int) -> None:
    """Bring a stopped branch back to where it was."""
    stopped, branch.stopped, branch.error = branch.stopped, None, None
    if stopped is None:
        raise ValueError(branch.id)
    was = Status.RUNNING if branch.status is Status.FAILED else stopped.status
    thaw(state, branch, stopped.left, time)
    add_waiters(state, branch)
    set_status(state, branch, was)
    if was is Status.WAITING:
        add_at_join(state, branch)


def leave_visit(state: Execution, branch: Branch) -> None:
    """Forget what a branch had under way in its step."""
    forget_waiters(state, branch)
    stop_times(state, branch)
    branch.wait = branch.sleep_until = None
    branch.visit = Visit()


def add_at_join(state: Execution, branch: Branch) -> None:
    """Put a branch among those that wait at its join, in the order of their arrival."""
    waiting = state.joins.setdefault(branch.step, JoinState()).waiting
    insort(waiting, branch.id, key=lambda waiter: state.branches[waiter].arrived)
