"""Whose attempt a task is: what a history says of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from branchline.engine import events as e


@dataclass(frozen=True, slots=True)
class Place:
    """An item of a step visit."""

    execution: str
    visit: int
    """The number of the event with which the visit began."""
    step: str
    item: int


@dataclass(slots=True)
class Task:
    """A task of a history."""

    place: Place
    attempt: int
    outcomes: list[e.Event] = field(default_factory=list)
    ended: int = 0
    """When it had its outcome, microseconds since the epoch."""
    recorded: list[e.ValueRecorded] = field(default_factory=list)


def tasks_of(execution: str, events: Iterable[tuple[int, int, e.Event]]) -> dict[int, Task]:
    """The tasks of a history, by number."""
    visits: dict[str, tuple[int, str]] = {}
    tasks: dict[int, Task] = {}
    for number, time, event in events:
        match event:
            case e.StepStarted():
                visits[event.branch] = number, event.step
            case e.TaskScheduled():
                visit, step = visits[event.branch]
                place = Place(execution, visit, step, event.item or 0)
                tasks[event.task] = Task(place, event.attempt)
            case e.TaskCompleted() | e.TaskFailed() | e.TaskWaiting():
                tasks[event.task].outcomes.append(event)
                tasks[event.task].ended = time
            case e.TasksWithdrawn():
                for task in event.tasks:
                    tasks[task].outcomes.append(event)
            case e.ValueRecorded():
                tasks[event.task].recorded.append(event)
            case _:
                pass
    return tasks
