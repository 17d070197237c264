"""Events of signals and sleep."""

from __future__ import annotations

from branchline.engine import events as e
from branchline.engine.evolve._branches import add_waiter, set_status, stop_waiting
from branchline.engine.state import Execution, SignalWait, Status, StoredSignal, timer_key


def signal_received(state: Execution, event: e.SignalReceived, _time: int) -> None:
    """Apply ``SignalReceived``."""
    state.signals.setdefault(event.topic, []).append(StoredSignal(event.signal, event.payload))
    state.next_signal = event.signal + 1
    if event.signal_id:
        state.signal_ids.add(event.signal_id)


def signal_awaited(state: Execution, event: e.SignalAwaited, _time: int) -> None:
    """Apply ``SignalAwaited``."""
    branch = state.branches[event.branch]
    branch.wait = SignalWait(event.topic, event.until)
    branch.waits_since = state.sequence + 1
    add_waiter(state, branch)
    state.timers.start(timer_key(branch.id), event.until)
    set_status(state, branch, Status.SUSPENDED)


def signal_consumed(state: Execution, event: e.SignalConsumed, _time: int) -> None:
    """Apply ``SignalConsumed``."""
    branch = state.branches[event.branch]
    if branch.wait is None:
        raise ValueError(event.branch)
    stored = state.signals[branch.wait.topic]
    branch.visit.received = stored.pop(0).payload
    if not stored:
        del state.signals[branch.wait.topic]
    stop_waiting(state, branch)
    set_status(state, branch, Status.RUNNING)


def wait_timed_out(state: Execution, event: e.WaitTimedOut, _time: int) -> None:
    """Apply ``WaitTimedOut``."""
    branch = state.branches[event.branch]
    stop_waiting(state, branch)
    set_status(state, branch, Status.RUNNING)


def sleep_started(state: Execution, event: e.SleepStarted, _time: int) -> None:
    """Apply ``SleepStarted``."""
    branch = state.branches[event.branch]
    branch.sleep_until = event.until
    state.timers.start(timer_key(branch.id), event.until)
    set_status(state, branch, Status.SUSPENDED)
