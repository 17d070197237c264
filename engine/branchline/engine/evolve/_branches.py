"""How branches begin, stand and end, for all who apply events."""

from __future__ import annotations

from branchline.engine.state import Branch, Execution, Status, Visit, timer_key


def add_branch(state: Execution, branch: Branch) -> None:
    """Keep a new branch."""
    state.branches[branch.id] = branch
    state.latest[branch.label] = branch.id
    state.live[branch.status] = state.live.get(branch.status, 0) + 1


def set_status(state: Execution, branch: Branch, status: Status) -> None:
    """Change how a branch stands, and the count of those who stand so."""
    live = state.live
    live[branch.status] -= 1
    if not live[branch.status]:
        del live[branch.status]
    branch.status = status
    if not status.closed:
        live[status] = live.get(status, 0) + 1


def end_branch(state: Execution, branch: Branch, status: Status) -> None:
    """End a branch."""
    if branch.status is Status.WAITING:
        state.joins[branch.step].waiting.remove(branch.id)
    leave_visit(state, branch)
    branch.pause = branch.held = None
    set_status(state, branch, status)


def leave_visit(state: Execution, branch: Branch) -> None:
    """Forget what a branch had under way in its step."""
    stop_waiting(state, branch)
    state.timers.stop(timer_key(branch.id))
    for item in branch.visit.attempts:
        state.timers.stop(timer_key(branch.id, item))
    branch.sleep_until = None
    branch.visit = Visit()


def stop_waiting(state: Execution, branch: Branch) -> None:
    """End a wait for a signal, if there is one."""
    if branch.wait is None:
        return
    waiters = state.waiters[branch.wait.topic]
    waiters.remove(branch.id)
    if not waiters:
        del state.waiters[branch.wait.topic]
    branch.wait = None
    state.timers.stop(timer_key(branch.id))
