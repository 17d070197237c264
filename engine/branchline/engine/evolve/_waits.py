"""Events of signals and sleep."""

from __future__ import annotations

from branchline.engine import events as e
from branchline.engine.evolve._branches import mark_dormant, set_status
from branchline.engine.evolve._times import add_waiter, forget_waiter
from branchline.engine.state import (
    Branch,
    Execution,
    Memory,
    SignalWait,
    Status,
    StoredSignal,
    timer_key,
)


def signal_received(state: Execution, event: e.SignalReceived, _time: int) -> None:
    """Apply ``SignalReceived``."""
    state.signals.setdefault(event.topic, []).append(StoredSignal(event.signal, event.payload))
    state.next_signal = event.signal + 1
    if event.signal_id:
        state.signal_ids.add(event.signal_id)


def signal_awaited(state: Execution, event: e.SignalAwaited, _time: int) -> None:
    """Apply ``SignalAwaited``."""
    branch = state.branches[event.branch]
    branch.wait = SignalWait(event.topic, event.until, state.sequence + 1)
    add_waiter(state, timer_key(branch.id), branch.wait)
    state.timers.start(timer_key(branch.id), event.until)
    set_status(state, branch, Status.SUSPENDED)


def task_waiting(state: Execution, event: e.TaskWaiting, _time: int) -> None:
    """Apply ``TaskWaiting``."""
    ref = state.tasks.pop(event.task)
    branch = state.branches[ref.branch]
    attempt = branch.visit.attempts[ref.item]
    attempt.task, attempt.deliveries = None, event.deliveries
    attempt.wait = SignalWait(event.topic, event.until, state.sequence + 1, event.key)
    branch.visit.waiting += 1
    key = timer_key(branch.id, ref.item)
    add_waiter(state, key, attempt.wait)
    state.timers.start(key, event.until)
    mark_dormant(state, branch)


def signal_consumed(state: Execution, event: e.SignalConsumed, _time: int) -> None:
    """Apply ``SignalConsumed``."""
    branch = state.branches[event.branch]
    wait = _end_wait(state, branch, event.item)
    stored = state.signals[wait.topic]
    payload = stored.pop(0).payload
    if not stored:
        del state.signals[wait.topic]
    if event.item is None:
        branch.visit.received = payload
    else:
        memory = branch.visit.memories.setdefault(event.item, Memory())
        memory.received = {**memory.received, wait.key: payload}


def wait_timed_out(state: Execution, event: e.WaitTimedOut, _time: int) -> None:
    """Apply ``WaitTimedOut``."""
    branch = state.branches[event.branch]
    wait = _end_wait(state, branch, event.item)
    if event.item is not None:
        attempt = branch.visit.attempts[event.item]
        attempt.timed_out = (*attempt.timed_out, wait.key)


def _end_wait(state: Execution, branch: Branch, item: int | None) -> SignalWait:
    key = timer_key(branch.id, item or 0)
    wait = state.wait_of(key)
    if wait is None:
        raise ValueError(key)
    forget_waiter(state, key, wait)
    state.timers.stop(key)
    if item is None:
        branch.wait = None
    else:
        branch.visit.attempts[item].wait = None
        branch.visit.waiting -= 1
    set_status(state, branch, Status.RUNNING)
    return wait


def sleep_started(state: Execution, event: e.SleepStarted, _time: int) -> None:
    """Apply ``SleepStarted``."""
    branch = state.branches[event.branch]
    branch.sleep_until = event.until
    state.timers.start(timer_key(branch.id), event.until)
    set_status(state, branch, Status.SUSPENDED)
