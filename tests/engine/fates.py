"""What holds for every history: tasks, items, branches and joins have each their one fate."""

from __future__ import annotations

from collections import Counter

from branchline.engine.events import (
    BranchCanceled,
    BranchCompleted,
    BranchFailed,
    BranchResumed,
    BranchStarted,
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
    StepStarted,
    TaskCompleted,
    TaskFailed,
    TaskScheduled,
    TasksWithdrawn,
)

from .order import check_signals


def check_history(events: list[Event]) -> None:
    """Tasks, branches, signals and joins have each their one fate."""
    _check_tasks(events)
    _check_items(events)
    _check_children(events)
    _check_branches(events)
    check_signals(events)
    _check_joins(events)


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
