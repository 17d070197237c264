"""What follows from a command: the engine's front door.

The engine is given the time and the dice; it does no I/O and waits for nothing. ``start`` and
``decide`` answer with events that are already applied to the state; whoever calls them stores
the events, or forgets the state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from branchline.engine import (
    activities,
    attempts,
    branches,
    children,
    ending,
    joins,
    pausing,
    retrying,
    signals,
    steps,
)
from branchline.engine.commands import (
    AnyCommand,
    Cancel,
    ChildBegan,
    ChildClosed,
    ChildRefused,
    Command,
    CompleteTask,
    FailTask,
    Pause,
    RecordValue,
    Retry,
    Signal,
    Unpause,
    WaitInTask,
    Wake,
)
from branchline.engine.definition import MAIN
from branchline.engine.errors import ExecutionClosed
from branchline.engine.events import (
    Event,
    ExecutionCanceled,
    ExecutionFailed,
    ExecutionStarted,
    Failure,
)
from branchline.engine.finishing import complete_step
from branchline.engine.plan import Plan
from branchline.engine.state import (
    DEADLINE,
    MORE_ITEMS,
    REQUESTS,
    Execution,
    Status,
    timer_key,
    timer_owner,
)
from branchline.engine.transition import Transition
from branchline.engine.values import Variables


class Link(NamedTuple):
    """Which execution starts another, as a child or a follow-up (semantics 11)."""

    parent: str
    """Its id."""
    depth: int
    """How many executions stand above the new one."""
    child: int = 0
    """The parent's number for it, 0 when the parent does not wait for it."""


def start(
    plan: Plan,
    execution_id: str,
    inputs: Variables,
    now: int,
    timeout: int | None = None,
    *,
    labels: dict[str, str] | None = None,
    link: Link | None = None,
) -> tuple[Execution, list[Event]]:
    """Start an execution (semantics 4.1-4.4).

    ``inputs`` are checked and complete; ``now`` and ``timeout`` are microseconds, the latter
    the workflow's own when it is left out. ``link`` tells which execution starts it, if any.
    """
    t = Transition(plan, Execution(id=execution_id), now, chance=0.0)
    limit = plan.workflow.timeout if timeout is None else timeout
    t.emit(
        ExecutionStarted(
            workflow=plan.workflow.name,
            version=plan.version,
            inputs=inputs,
            state=plan.state,
            deadline=None if limit is None else now + limit,
            labels=labels or {},
            parent=link.parent if link else "",
            child=link.child if link else 0,
            depth=link.depth if link else 0,
        )
    )
    t.entering.append((MAIN, plan.workflow.start_step))
    _settle(t)
    return t.state, t.events


def decide(
    plan: Plan, state: Execution, command: AnyCommand, now: int, chance: float = 0.0
) -> list[Event]:
    """What follows from a command at a time (microseconds since the epoch).

    ``chance``, from 0 up to 1, spreads the delays of retries. The state has changed when this
    returns, and is untouched when it raises ``Refused``.
    """
    t = Transition(plan, state, now, chance)
    if state.end is not None and not isinstance(command, Retry):
        refuse_closed(state.status, command)
        return []
    _DECISIONS[type(command)](t, command)
    _settle(t)
    return t.events


def refuse_closed(status: Status, command: AnyCommand) -> None:
    """Raise ``ExecutionClosed``, unless the command changes nothing there (4.11)."""
    repeated = isinstance(command, Cancel) and status is Status.CANCELED
    if not repeated and not isinstance(command, _TOLD_LATE):
        raise ExecutionClosed(f"the execution has closed: it is {status}")


# What a host tells may come when the execution has just closed: it changes nothing then.
_TOLD_LATE = (Wake, ChildBegan, ChildRefused, ChildClosed)


def _settle(t: Transition) -> None:
    """Apply the rules that look at the whole until nothing changes."""
    state = t.state
    while state.end is None:
        if t.entering:
            branch_id, step = t.entering.popleft()
            steps.enter(t, state.branches[branch_id], step)
        elif not joins.settle_one(t) and not joins.fail_deadlocked(t):
            ending.settle(t)
            break


def _wake(t: Transition, _command: Wake) -> None:
    """Let everything happen whose time has come, the earliest first.

    Each has its consequences before the next one, as if all had been woken in time: that a
    server was down does not matter (10.3). What is due when this is enough stays due.
    """
    for key in t.state.timers.expired(t.now):
        if t.is_large:
            break
        if not t.state.timers.is_due(key, t.now):
            continue  # an earlier one has stopped it
        if key == REQUESTS:
            continue  # whoever has woken us starts what is asked for
        if key == DEADLINE:
            branches.stop_all(t)
            message = "the execution did not end within its timeout"
            t.emit(ExecutionFailed(error=Failure("timeout", message)))
        else:
            _wake_branch(t, *timer_owner(key))
        _settle(t)


def _wake_branch(t: Transition, branch_id: str, item: int) -> None:
    branch = t.state.branches[branch_id]
    plan = t.plan.step(branch.step)
    if branch.sleep_until is not None:
        complete_step(t, branch)
    elif branch.wait is not None:
        signals.time_out(t, branch)
    elif t.state.wait_of(timer_key(branch_id, item)) is not None:
        signals.time_out_in_task(t, branch, item)
    elif plan.step.wait_signal is not None:
        signals.begin_wait(t, branch, plan)
    elif item == MORE_ITEMS:
        attempts.begin_more(t, branch)
    elif branch.visit.attempts[item].child is not None:
        children.time_out(t, branch, item)
    else:
        attempts.attempt_again(t, branch, item)


def _cancel(t: Transition, command: Cancel) -> None:
    """End the execution, and whatever is under way in it (semantics 4.9)."""
    branches.stop_all(t)
    t.emit(ExecutionCanceled(reason=command.reason))


# Each takes its own kind of command, which a dictionary by type cannot express.
_Decision = Callable[[Transition, Any], None]

_DECISIONS: dict[type[Command], _Decision] = {
    CompleteTask: activities.complete,
    FailTask: activities.fail,
    WaitInTask: signals.wait_in_task,
    RecordValue: activities.record,
    Signal: signals.receive,
    Wake: _wake,
    Pause: pausing.pause,
    Unpause: pausing.unpause,
    Retry: retrying.retry,
    Cancel: _cancel,
    ChildBegan: children.begun,
    ChildRefused: children.refused,
    ChildClosed: children.closed,
}
