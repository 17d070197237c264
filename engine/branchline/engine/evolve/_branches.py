"""How branches begin, stand and end, for all who apply events."""

from __future__ import annotations

from bisect import insort

from branchline.engine.state import (
    MORE_ITEMS,
    Branch,
    Execution,
    JoinState,
    SignalWait,
    Status,
    Stopped,
    Visit,
    timer_key,
)


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
    if branch.wait is not None:
        forget_waiter(state, branch)
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
    if branch.wait is not None:
        add_waiter(state, branch)
    set_status(state, branch, was)
    if was is Status.WAITING:
        add_at_join(state, branch)


def leave_visit(state: Execution, branch: Branch) -> None:
    """Forget what a branch had under way in its step."""
    stop_waiting(state, branch)
    for key in _timer_keys(state, branch):
        state.timers.stop(key)
    branch.sleep_until = None
    branch.visit = Visit()


def stop_waiting(state: Execution, branch: Branch) -> None:
    """End a wait for a signal, if there is one."""
    if branch.wait is not None:
        forget_waiter(state, branch)
        branch.wait = None
        state.timers.stop(timer_key(branch.id))


def add_waiter(state: Execution, branch: Branch) -> None:
    """Put a branch among those that wait for its topic, in the order of their waiting."""
    if branch.wait is not None:
        waiters = state.waiters.setdefault(branch.wait.topic, [])
        insort(waiters, branch.id, key=lambda waiter: state.branches[waiter].waits_since)


def forget_waiter(state: Execution, branch: Branch) -> None:
    """Take a branch from those that wait for its topic."""
    if branch.wait is not None:
        waiters = state.waiters[branch.wait.topic]
        waiters.remove(branch.id)
        if not waiters:
            del state.waiters[branch.wait.topic]


def add_at_join(state: Execution, branch: Branch) -> None:
    """Put a branch among those that wait at its join, in the order of their arrival."""
    waiting = state.joins.setdefault(branch.step, JoinState()).waiting
    insort(waiting, branch.id, key=lambda waiter: state.branches[waiter].waits_since)


def freeze(state: Execution, branch: Branch, time: int) -> dict[str, int]:
    """Stop a branch's timers; what is left of each (microseconds), by key."""
    left = {key: max(state.timers.due[key] - time, 0) for key in _timer_keys(state, branch)}
    for key in left:
        state.timers.stop(key)
    return left


def thaw(state: Execution, branch: Branch, left: dict[str, int], time: int) -> None:
    """Start a branch's timers again with what was left of them."""
    for key, rest in left.items():
        state.timers.start(key, time + rest)
    own = left.get(timer_key(branch.id))
    if own is not None and branch.wait is not None:
        branch.wait = SignalWait(branch.wait.topic, time + own)
    if own is not None and branch.sleep_until is not None:
        branch.sleep_until = time + own


def _timer_keys(state: Execution, branch: Branch) -> list[str]:
    keys = dict.fromkeys(
        timer_key(branch.id, item) for item in (MORE_ITEMS, 0, *branch.visit.attempts)
    )
    return [key for key in keys if key in state.timers.due]
