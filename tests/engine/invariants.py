"""What holds for every execution after every command."""

from __future__ import annotations

from collections import Counter

from branchline.engine import Branch, Execution, Status
from branchline.engine.events import (
    BranchCanceled,
    BranchCompleted,
    BranchFailed,
    BranchPaused,
    BranchResumed,
    BranchStarted,
    BranchUnpaused,
    ChildCompleted,
    ChildFailed,
    ChildrenStopped,
    ChildRequested,
    ChildStarted,
    ChildTimedOut,
    Event,
    FollowUpFailed,
    FollowUpRequested,
    FollowUpStarted,
    JoinPassed,
    SignalAwaited,
    SignalConsumed,
    SignalReceived,
    StepStarted,
    TaskCompleted,
    TaskFailed,
    TaskScheduled,
    TasksWithdrawn,
    WaitTimedOut,
)
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


def check_history(events: list[Event]) -> None:
    """Tasks, branches, signals and joins have each their one fate."""
    _check_tasks(events)
    _check_items(events)
    _check_children(events)
    _check_branches(events)
    _check_signals(events)
    _check_joins(events)


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
        case Status.SUSPENDED if branch.children:
            return len(branch.children) == len(branch.visit.attempts)
        case Status.SUSPENDED:
            wait = branch.wait
            waits = wait is not None and timer_key(branch.id) in state.waiters[wait.topic]
            return waits != (branch.sleep_until is not None) and timer_key(branch.id) in timers
        case Status.PAUSED:
            return branch.held is not None and not any(
                timer_key(branch.id, item) in timers
                for item in (MORE_ITEMS, 0, *branch.visit.attempts)
            )
        case _:
            return branch.id in state.joins[branch.step].waiting


def _check_tasks(events: list[Event]) -> None:
    scheduled = [event.task for event in events if isinstance(event, TaskScheduled)]
    ended = [event.task for event in events if isinstance(event, TaskCompleted | TaskFailed)]
    withdrawn = [
        task for event in events if isinstance(event, TasksWithdrawn) for task in event.tasks
    ]
    assert scheduled == list(range(1, len(scheduled) + 1))
    assert max(Counter([*ended, *withdrawn]).values(), default=0) <= 1
    assert {*ended, *withdrawn} <= set(scheduled)


def _check_children(events: list[Event]) -> None:
    """Each that is asked for begins at most once, and has at most one end."""
    asked = [e.child for e in events if isinstance(e, ChildRequested | FollowUpRequested)]
    begun = [e.child for e in events if isinstance(e, ChildStarted | FollowUpStarted)]
    ends = (ChildCompleted, ChildFailed, ChildTimedOut)
    ended = [e.child for e in events if isinstance(e, ends)]
    ended += [child for e in events if isinstance(e, ChildrenStopped) for child in e.children]
    ended += [e.child for e in events if isinstance(e, FollowUpFailed) and e.child]
    assert asked == list(range(1, len(asked) + 1))
    assert max(Counter(begun).values(), default=0) <= 1
    assert max(Counter(ended).values(), default=0) <= 1
    assert {*begun, *ended} <= set(asked)


def _check_branches(events: list[Event]) -> None:
    started = ["main", *(event.branch for event in events if isinstance(event, BranchStarted))]
    ends = (BranchCompleted, BranchFailed, BranchCanceled)
    ended = [event.branch for event in events if isinstance(event, ends)]
    resumed = [event.branch for event in events if isinstance(event, BranchResumed)]
    assert len(set(started)) == len(started)
    assert max((Counter(ended) - Counter(resumed)).values(), default=0) <= 1
    assert Counter(resumed) <= Counter(ended)
    assert set(ended) <= set(started)


def _check_items(events: list[Event]) -> None:
    """In a visit of a step each item completes once, however often it is taken up again."""
    visits: Counter[str] = Counter()
    tasks: dict[int, tuple[str, int, int]] = {}
    completed: Counter[tuple[str, int, int]] = Counter()
    for event in events:
        match event:
            case StepStarted():
                visits[event.branch] += 1
            case TaskScheduled():
                tasks[event.task] = (event.branch, visits[event.branch], event.item or 0)
            case TaskCompleted():
                completed[tasks[event.task]] += 1
            case _:
                pass
    assert max(completed.values(), default=0) <= 1


def _check_signals(events: list[Event]) -> None:
    """Those of a topic are consumed in their order, each once, by whoever has waited longest."""
    topics: dict[int, str] = {}
    awaited: dict[str, str] = {}
    held: set[str] = set()
    """The branches that are passed over: they are paused."""
    consumed: dict[str, list[int]] = {}
    for event in events:
        match event:
            case SignalReceived():
                topics[event.signal] = event.topic
            case SignalAwaited():
                awaited[event.branch] = event.topic
            case SignalConsumed():
                topic = topics[event.signal]
                waiting = (who for who in awaited if awaited[who] == topic and who not in held)
                assert event.branch == next(waiting)
                del awaited[event.branch]
                consumed.setdefault(topic, []).append(event.signal)
            case WaitTimedOut():
                del awaited[event.branch]
            case BranchPaused():
                held.add(event.branch)
            case BranchUnpaused():
                held.discard(event.branch)
            case _:
                pass
    for topic, signals in consumed.items():
        of_topic = [signal for signal, received in topics.items() if received == topic]
        assert signals == of_topic[: len(signals)]


def _check_joins(events: list[Event]) -> None:
    """A join takes a branch once."""
    steps: dict[str, str] = {}
    taken: set[tuple[str, str]] = set()
    for event in events:
        if isinstance(event, StepStarted):
            steps[event.branch] = event.step
        elif isinstance(event, JoinPassed):
            step = steps[event.branch]
            # One that goes on may come again; it does not count once it has ended elsewhere.
            assert (
                not {(step, taken_now) for taken_now in event.taken if taken_now != event.branch}
                & taken
            )
            taken |= {(step, taken_now) for taken_now in event.taken}
