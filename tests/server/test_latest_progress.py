"""What is kept of what activities say, and how it gets into the history (semantics 7.6)."""

from __future__ import annotations

from branchline.engine.events import (
    Event,
    Failure,
    Progress,
    StepCompleted,
    TaskCompleted,
    TaskFailed,
    TasksWithdrawn,
    TaskWaiting,
)
from branchline.engine.values import encode
from branchline.server.dispatch import LatestProgress, TaskKey, Told, with_progress
from tests.server.clocks import HandClock
from tests.server.pending import dispatcher_of, hand_out, pending


def said(message: str, time: int = 0) -> Progress:
    """A progress."""
    return Progress(message, encode(None), time)


def told(kept: LatestProgress, execution_key: int = 7) -> dict[int, str]:
    """The messages that are kept of an execution, by task."""
    return {task: one.progress.message for task, one in kept.of(execution_key).items()}


def test_the_latest_of_each_task_is_kept_until_it_ends() -> None:
    kept = LatestProgress()
    kept.tell(TaskKey(7, 1), "main", said("a"))
    kept.tell(TaskKey(7, 2), "main", said("b"))
    kept.tell(TaskKey(8, 1), "main", said("c"))
    kept.tell(TaskKey(7, 1), "main", said("d"))
    assert told(kept) == {1: "d", 2: "b"}
    kept.forget(TaskKey(7, 1))
    kept.forget(TaskKey(7, 1))
    assert told(kept) == {2: "b"}
    assert told(kept, 8) == {1: "c"}


def test_what_was_said_the_longest_ago_gives_way() -> None:
    kept = LatestProgress(most_bytes=30)
    for number in range(5):
        kept.tell(TaskKey(7, number), "main", said("6 byte"))
    assert list(told(kept)) == [2, 3, 4]
    kept.tell(TaskKey(7, 2), "main", said("again!"))
    kept.tell(TaskKey(8, 1), "main", said("x" * 14))
    assert list(told(kept)) == [2]
    kept.tell(TaskKey(8, 2), "main", said("x" * 100))
    assert (told(kept), told(kept, 8)) == ({}, {2: "x" * 100})


def test_a_task_that_has_ended_is_forgotten() -> None:
    dispatcher = dispatcher_of(HandClock())
    task = pending(1)
    hand_out(dispatcher, task)
    dispatcher.progress.tell(task.key, "main", said("half"))
    dispatcher.remove(task.key)
    assert told(dispatcher.progress) == {}


def test_the_ends_of_attempts_carry_it() -> None:
    heard = {1: Told("main", said("one")), 2: Told("b", said("two", 5))}
    heard |= {3: Told("b", said("three", 4))}
    failure = Failure("busy")
    events: list[Event] = [
        TaskCompleted(task=1),
        TaskFailed(task=1, error=failure),
        TaskWaiting(task=1, key="1", topic="t", until=0),
        TaskCompleted(task=9),
        TasksWithdrawn(tasks=(1, 2, 3, 9)),
        StepCompleted(branch="main"),
    ]
    assert with_progress(events, heard) == [
        TaskCompleted(task=1, progress=said("one")),
        TaskFailed(task=1, error=failure, progress=said("one")),
        TaskWaiting(task=1, key="1", topic="t", until=0, progress=said("one")),
        TaskCompleted(task=9),
        TasksWithdrawn(tasks=(1, 2, 3, 9), progress={"main": said("one"), "b": said("two", 5)}),
        StepCompleted(branch="main"),
    ]
    assert with_progress(events, {}) == events
