"""The waits and timers of a branch: of its step, or of the activities in it."""

from __future__ import annotations

from bisect import insort

from msgspec.structs import replace

from branchline.engine.state import MORE_ITEMS, Branch, Execution, SignalWait, timer_key


def add_waiter(state: Execution, key: str, wait: SignalWait) -> None:
    """Put a waiter among those of its topic, in the order of their waiting."""
    insort(state.waiters.setdefault(wait.topic, []), key, key=lambda other: _since(state, other))


def forget_waiter(state: Execution, key: str, wait: SignalWait) -> None:
    """Take a waiter from those of its topic."""
    waiters = state.waiters[wait.topic]
    waiters.remove(key)
    if not waiters:
        del state.waiters[wait.topic]


def add_waiters(state: Execution, branch: Branch) -> None:
    """Put all waits of a branch among those of their topics."""
    for key, wait in _waits(branch):
        add_waiter(state, key, wait)


def forget_waiters(state: Execution, branch: Branch) -> None:
    """Take all waits of a branch from those of their topics."""
    if not state.waiters:
        return
    for key, wait in _waits(branch):
        forget_waiter(state, key, wait)


def freeze(state: Execution, branch: Branch, time: int) -> dict[str, int]:
    """Stop a branch's timers; what is left of each (microseconds), by key."""
    left = {key: max(state.timers.due[key] - time, 0) for key in _timer_keys(state, branch)}
    stop_times(state, branch)
    return left


def thaw(state: Execution, branch: Branch, left: dict[str, int], time: int) -> None:
    """Start a branch's timers again with what was left of them."""
    for key, rest in left.items():
        state.timers.start(key, time + rest)
    own = left.get(timer_key(branch.id))
    if own is not None and branch.wait is not None:
        branch.wait = replace(branch.wait, until=time + own)
    if own is not None and branch.sleep_until is not None:
        branch.sleep_until = time + own
    for item, attempt in branch.visit.attempts.items():
        rest_of_wait = left.get(timer_key(branch.id, item))
        if attempt.wait is not None and rest_of_wait is not None:
            attempt.wait = replace(attempt.wait, until=time + rest_of_wait)


def stop_times(state: Execution, branch: Branch) -> None:
    """Stop a branch's timers."""
    if not state.timers.due:
        return
    for key in _timer_keys(state, branch):
        state.timers.stop(key)


def _since(state: Execution, key: str) -> int:
    wait = state.wait_of(key)
    return 0 if wait is None else wait.since


def _waits(branch: Branch) -> list[tuple[str, SignalWait]]:
    waits = [(timer_key(branch.id), branch.wait)] if branch.wait is not None else []
    return waits + [
        (timer_key(branch.id, item), attempt.wait)
        for item, attempt in branch.visit.attempts.items()
        if attempt.wait is not None
    ]


def _timer_keys(state: Execution, branch: Branch) -> list[str]:
    items = (MORE_ITEMS, 0, *branch.visit.attempts)
    keys = dict.fromkeys(timer_key(branch.id, item) for item in items)
    return [key for key in keys if key in state.timers.due]
