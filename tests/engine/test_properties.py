"""Random workflows and random happenings: what holds for every execution."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from branchline.engine import (
    AnyCommand,
    Cancel,
    ChildBegan,
    ChildClosed,
    ChildRefused,
    CompleteTask,
    FailTask,
    NotRetryable,
    Pause,
    RecordValue,
    Retry,
    Signal,
    Status,
    TaskGone,
    Unpause,
    WaitInTask,
    Wake,
    decide,
    fold,
    transition,
)
from branchline.engine.definition import SECOND
from branchline.engine.events import Failure
from branchline.engine.values import encode

from .fates import check_history
from .graphs import ERRORS, TOPICS, happenings, workflows
from .invariants import check_state
from .playing import Json, Play, documents, snapshot_of

FOR_GOOD = ("output_error", "join_deadlock", "duplicate_branch")


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(workflows(), happenings())
def test_every_execution_keeps_the_invariants(
    definition: dict[str, Json], happened: list[tuple[str, int]]
) -> None:
    """The kit checks after every command that the history gives the state."""
    let_it_happen(definition, happened)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(workflows(), happenings())
def test_small_transitions_keep_the_invariants_too(
    definition: dict[str, Json], happened: list[tuple[str, int]]
) -> None:
    """With one task each, all further items and wake-ups are left to later transitions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transition, "ENOUGH_TASKS", 1)
        let_it_happen(definition, happened)


def let_it_happen(definition: dict[str, Json], happened: list[tuple[str, int]]) -> None:
    """Play an execution, and check it after every command."""
    play = Play(*definition.pop("steps"), **definition)
    check_state(play.state)
    for kind, number in happened:
        if play.state.end is not None:
            if not taken_up_again(play):
                break
        elif kind == "stale":
            answer_a_task_that_is_gone(play, number)
        elif kind == "stale child":
            tell_of_a_child_that_is_gone(play, number)
        else:
            decide_twice(play, command_of(play, kind, number), chance=number / 1001)
        check_state(play.state)
    check_history([event for _, event in play.history])


def decide_twice(play: Play, command: AnyCommand, chance: float) -> None:
    """On the state of a snapshot or a history a command has the very same consequences."""
    others = [snapshot_of(play.state), fold(play.state.id, play.history)]
    live = play.send(command, chance)
    for other in others:
        assert decide(play.plan, other, command, play.now, chance) == live
        assert other == play.state


def taken_up_again(play: Play) -> bool:
    """Retry an execution that has failed; whether that is possible."""
    if play.state.end is not Status.FAILED or play.error in FOR_GOOD:
        with pytest.raises(NotRetryable):
            play.retry()
        return False
    decide_twice(play, Retry(), chance=0)
    return True


def command_of(play: Play, kind: str, number: int) -> AnyCommand:
    """A command that fits the execution as it stands; a wake-up where a task is missing."""
    match kind:
        case "complete" | "fail" | "wait" | "record" if play.state.tasks:
            tasks = list(play.state.tasks)
            return of_task(kind, tasks[number // 4 % len(tasks)], number)
        case "signal":
            signal_id = f"id {number % 5}" if number % 2 else ""
            return Signal(topic=TOPICS[number % 3 % 2], payload=encode(number), signal_id=signal_id)
        case "cancel":
            return Cancel()
        case "pause" | "unpause" if play.state.live:
            return pause_or_unpause(play, kind, number)
        case _:
            told = of_children(play, kind, number)
            return wake_up(play, kind, number) if told is None else told


def of_task(
    kind: str, task: int, number: int
) -> CompleteTask | FailTask | WaitInTask | RecordValue:
    """What a worker tells of a task."""
    match kind:
        case "complete":
            return completion(task, number)
        case "fail":
            return FailTask(task=task, error=Failure(ERRORS[number % len(ERRORS)], "no luck"))
        case "wait":
            topic, timeout = TOPICS[number % 3 % 2], number % 60 * SECOND
            return WaitInTask(task=task, key=str(number), topic=topic, timeout=timeout)
        case _:
            return RecordValue(task=task, key=str(number % 3), value=encode(number))


def of_children(
    play: Play, kind: str, number: int
) -> ChildBegan | ChildRefused | ChildClosed | None:
    """What a host tells of a child that fits, None where none does."""
    state = play.state
    asked = list(state.requests)
    begun = [child for child in state.children if child not in state.requests]
    match kind:
        case "begin" if asked:
            child = asked[number % len(asked)]
            return ChildBegan(child, f"child_{child}")
        case "refuse" if asked:
            return ChildRefused(asked[number % len(asked)], Failure("child_start_failed", "no"))
        case "child completes" if begun:
            return closing(begun[number % len(begun)], Status.COMPLETED, number)
        case "child fails" if begun:
            return closing(begun[number // 4 % len(begun)], Status.FAILED, number)
        case "child is canceled" if begun:
            return closing(begun[number % len(begun)], Status.CANCELED, number)
        case _:
            return None


def closing(child: int, status: Status, number: int) -> ChildClosed:
    """The end of a child, which depends on a number."""
    error = Failure(ERRORS[number % len(ERRORS)], "no luck") if status is Status.FAILED else None
    return ChildClosed(child, status, documents({"n": number}), error, duration=number)


def pause_or_unpause(play: Play, kind: str, number: int) -> Pause | Unpause:
    """Of all branches or of one, with one of a few reasons."""
    live = play.state.live_branches()
    branch = live[number // 3 % len(live)].id if number % 3 and live else ""
    return Unpause(branch) if kind == "unpause" else Pause(branch, reason=f"reason {number % 2}")


def wake_up(play: Play, kind: str, number: int) -> Wake:
    """A wake-up in time, too early or too late."""
    due = play.state.timers.next_due()
    if kind == "early wake" and due is not None:
        play.now = max(play.now, due - 1)
    elif kind == "late wake" and due is not None:
        play.now = max(play.now, due) + number * 1_000_000
    else:
        play.now = max(play.now, due or 0)
    return Wake()


def completion(task: int, number: int) -> CompleteTask:
    """A completion whose result and patch depend on a number."""
    patch: dict[str, Json] = {"again": number % 3 == 0}
    if number % 5 == 0:
        patch |= {"x": [1, "horn"][number % 2], "n": number % 4}
    remove = ("x",) if number % 50 == 0 else ()
    result = [1, "bell", "horn"][number % 3]
    return CompleteTask(task=task, result=encode(result), set=documents(patch), remove=remove)


def answer_a_task_that_is_gone(play: Play, number: int) -> None:
    """Refused, whether it has had an outcome, waits or was never there."""
    gone = [task for task in range(play.state.next_task + 1) if task not in play.state.tasks]
    for kind in ("complete", "fail", "wait", "record"):
        with pytest.raises(TaskGone):
            play.send(of_task(kind, gone[number % len(gone)], number))


def tell_of_a_child_that_is_gone(play: Play, number: int) -> None:
    """Nothing follows, whether it has had an end or was never there."""
    state = play.state
    known = {*state.children, *state.requests}
    gone = [child for child in range(state.next_child + 1) if child not in known]
    child = gone[number % len(gone)]
    for status in (Status.COMPLETED, Status.FAILED, Status.CANCELED):
        assert play.send(closing(child, status, number)) == []
    assert play.send(ChildBegan(child, "late")) == []
    assert play.send(ChildRefused(child, Failure("late"))) == []
