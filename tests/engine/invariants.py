"""What holds for every execution after every command."""

from __future__ import annotations

from collections import Counter

from branchline.engine import Branch, Execution, Status
from branchline.engine.state import (
    DEADLINE,
    MORE_ITEMS,
    REQUESTS,
    AttemptRef,
    timer_key,
    timer_owner,
)


def check_state(state: Execution) -> None:
    """The parts of a state agree, and somebody moves it unless it is closed."""
    live = state.live_branches()
    assert state.live == Counter(branch.status for branch in live)
    assert state.tasks == _pending(live)
    check_children(state)
    check_timers(state)
    check_waiters(state)
    assert sorted(branch for join in state.joins.values() for branch in join.waiting) == sorted(
        branch.id for branch in live if branch.status is Status.WAITING
    )
    if state.end is not None:
        check_nothing_is_left(state)
        return
    paused = {branch.id for branch in live if branch.status is Status.PAUSED}
    movers = state.tasks or state.timers.due or paused or state.children or state.requests
    assert movers, "nothing will ever move this execution"
    if paused and len(paused) == len(live):
        assert state.timers.due == {}, "a clock runs while everything is paused"
    for branch in live:
        assert _is_moved(state, branch), f"nobody moves {branch}"
    for topic, waiters in state.waiters.items():
        holders = {timer_owner(waiter)[0] for waiter in waiters}
        kept = topic in state.signals and not paused.issuperset(holders)
        assert not kept, f"a signal of {topic} was kept from its waiter"


def check_children(state: Execution) -> None:
    """Children are those of the attempts; what is asked for is asked of the host."""
    attempts = {
        attempt.child: (AttemptRef(branch.id, item), attempt)
        for branch in state.branches.values()
        for item, attempt in branch.visit.attempts.items()
        if attempt.child is not None
    }
    assert state.children == {child: ref for child, (ref, _) in attempts.items()}
    asked = {child for child, (_, attempt) in attempts.items() if not attempt.execution}
    follow_ups = state.requests.keys() - state.children.keys()
    assert asked == state.requests.keys() - follow_ups
    assert not follow_ups or not state.live, "follow-ups are asked for before the end"
    assert all(child < state.next_child for child in (*state.children, *state.requests))
    for branch in state.branches.values():
        visit = branch.visit
        waits = [a for a in visit.attempts.values() if a.wait is not None or a.execution]
        assert visit.waiting == len(waits)
        assert not visit.attempts.keys() & visit.outcomes.keys()
        for attempt in visit.attempts.values():
            assert [attempt.task, attempt.child, attempt.wait].count(None) >= 2
            assert (
                attempt.failed is None
                or (attempt.is_idle and branch.held is not None)
                or (branch.stopped is not None)
            )


def check_timers(state: Execution) -> None:
    """Every timer belongs to something that is there."""
    assert (REQUESTS in state.timers.due) == bool(state.requests)
    for key in state.timers.due.keys() - {REQUESTS, DEADLINE}:
        owner, item = timer_owner(key)
        branch = state.branches[owner]
        assert not branch.status.closed, f"{key} outlives its branch"
        if item == MORE_ITEMS:
            continue
        attempt = branch.visit.attempts.get(item)
        own = item == 0 and (branch.wait is not None or branch.sleep_until is not None)
        idle = attempt is not None and attempt.task is None and attempt.failed is None
        asked = attempt is not None and attempt.child in state.requests
        assert own or (idle and not asked), f"nothing is due at {key}"


def check_waiters(state: Execution) -> None:
    """Whoever waits for a topic is among its waiters, once, in the order of their waiting."""
    waits = {}
    for branch in state.live_branches():
        if branch.wait is not None:
            waits[timer_key(branch.id)] = branch.wait
        for item, attempt in branch.visit.attempts.items():
            if attempt.wait is not None:
                waits[timer_key(branch.id, item)] = attempt.wait
    expected: dict[str, list[str]] = {}
    for key in sorted(waits, key=lambda key: waits[key].since):
        expected.setdefault(waits[key].topic, []).append(key)
    assert state.waiters == expected


def check_nothing_is_left(state: Execution) -> None:
    """A closed execution keeps nothing that could still move it."""
    assert state.end is not None
    assert state.close_time is not None
    assert state.tasks == {}
    assert state.children == {}
    assert state.requests == {}
    assert state.waiters == {}
    assert state.live == {}
    assert state.timers.due == {}
    assert state.timers.heap == []
    assert all(not join.waiting for join in state.joins.values())
    assert all(branch.status.closed for branch in state.branches.values())


def _pending(live: list[Branch]) -> dict[int, AttemptRef]:
    return {
        attempt.task: AttemptRef(branch.id, item)
        for branch in live
        for item, attempt in branch.visit.attempts.items()
        if attempt.task is not None
    }


def _is_moved(state: Execution, branch: Branch) -> bool:
    timers = state.timers.due
    match branch.status:
        case Status.RUNNING:
            attempts = branch.visit.attempts
            if timer_key(branch.id, MORE_ITEMS) in timers:
                return True
            return bool(attempts) and all(
                attempt.is_pending or attempt.execution or timer_key(branch.id, item) in timers
                for item, attempt in attempts.items()
            )
        case Status.SUSPENDED if branch.visit.waiting:
            return branch.visit.waiting == len(branch.visit.attempts)
        case Status.SUSPENDED:
            waits = branch.wait is not None
            return waits != (branch.sleep_until is not None) and timer_key(branch.id) in timers
        case Status.PAUSED:
            return branch.held is not None and not any(
                timer_key(branch.id, item) in timers
                for item in (MORE_ITEMS, 0, *branch.visit.attempts)
            )
        case _:
            return branch.id in state.joins[branch.step].waiting
