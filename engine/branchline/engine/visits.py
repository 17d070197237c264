"""How an execution's step visits went: another fold of its history (semantics 12.4)."""

from __future__ import annotations

from typing import NamedTuple

from branchline.engine import events as e
from branchline.engine.failures import CHILD_TOO_LATE
from branchline.engine.step_visit import CHANGES, StepVisit


class StepVisits:
    """The visits that begin after a number, at most so many, in the order in which they begin.

    It is fed with events one by one, from that number on: what came before has no part in them.
    """

    def __init__(self, after: int = 0, most: int | None = None) -> None:
        self.visits: list[StepVisit] = []
        self.has_more = False
        """Whether another one has begun after them."""
        self._after = after
        self._most = most
        self._open: dict[str, StepVisit] = {}
        """By branch, those that may still change; also those that a retry may take up again."""
        self._tasks: dict[int, _Work] = {}
        """The tasks without an outcome."""
        self._children: dict[int, _Work] = {}
        """The children that are asked for or waited for."""

    @property
    def settled(self) -> bool:
        """Whether nothing that comes can change them, nor be one of them."""
        return self.has_more and not self._open

    @property
    def tasks(self) -> list[int]:
        """The tasks without an outcome."""
        return list(self._tasks)

    def take(self, sequence: int, time: int, event: e.Event) -> None:
        """Take the next event of the history."""
        match event:
            case e.StepStarted():
                self._begin(sequence, time, event)
            case e.TaskScheduled():
                self._start(event, self._tasks, event.task)
            case e.ChildRequested():
                self._start(event, self._children, event.child, waits=event.wait)
            case e.TaskCompleted() | e.TaskFailed() | e.TaskWaiting():
                self._end_task(event)
            case e.TasksWithdrawn():
                self._withdraw(event)
            case e.ChildStarted():
                self._start_child(event)
            case e.ChildCompleted() | e.ChildFailed() | e.ChildTimedOut():
                self._end_child(event)
            case e.ChildrenStopped():
                self._stop_children(event)
            case _:
                self._change(event, time)

    def take_no_more(self) -> None:
        """Let no further visit be one of them, if there is any."""
        self._most = len(self.visits) or self._most

    def hear(self, task: int, progress: e.Progress) -> None:
        """Take what the activity of a task without an outcome has said."""
        work = self._tasks.get(task)
        if work is not None:
            work.visit.hear(progress)

    def _begin(self, sequence: int, time: int, event: e.StepStarted) -> None:
        if sequence <= self._after:
            return
        if self._most is not None and len(self.visits) >= self._most:
            self.has_more = True
            return
        visit = StepVisit(number=sequence, branch=event.branch, step=event.step, start=time)
        self.visits.append(visit)
        self._open[event.branch] = visit

    def _start(
        self,
        event: e.TaskScheduled | e.ChildRequested,
        works: dict[int, _Work],
        number: int,
        *,
        waits: bool = False,
    ) -> None:
        visit = self._open.get(event.branch)
        if visit is None:
            return
        item = event.item or 0
        works[number] = _Work(visit, item, waits)
        visit.begun.add(item)
        visit.attempt = max(visit.attempt, event.attempt)
        if isinstance(event, e.TaskScheduled):
            visit.activity = event.activity

    def _end_task(self, event: e.TaskCompleted | e.TaskFailed | e.TaskWaiting) -> None:
        work = self._tasks.pop(event.task, None)
        if work is None:
            return
        work.visit.hear(event.progress)
        match event:
            case e.TaskCompleted():
                work.visit.complete_item(work.item)
            case e.TaskFailed():
                work.visit.error = event.error
            case _:  # it waits
                work.visit.waiting.add(work.item)

    def _withdraw(self, event: e.TasksWithdrawn) -> None:
        for task in event.tasks:
            self._tasks.pop(task, None)
        for branch, progress in event.progress.items():
            visit = self._open.get(branch)
            if visit is not None:
                visit.hear(progress)

    def _start_child(self, event: e.ChildStarted) -> None:
        work = self._children.get(event.child)
        if work is None:
            return
        work.visit.take_child(event.execution)
        if work.waits:
            work.visit.waiting.add(work.item)
        else:
            del self._children[event.child]
            work.visit.complete_item(work.item)

    def _end_child(self, event: e.ChildCompleted | e.ChildFailed | e.ChildTimedOut) -> None:
        work = self._children.pop(event.child, None)
        if work is None:
            return
        work.visit.waiting.discard(work.item)
        match event:
            case e.ChildCompleted():
                work.visit.complete_item(work.item)
            case e.ChildFailed():
                work.visit.error = event.error
            case _:  # it has timed out
                work.visit.error = CHILD_TOO_LATE

    def _stop_children(self, event: e.ChildrenStopped) -> None:
        for child in event.children:
            work = self._children.pop(child, None)
            if work is not None:
                work.visit.waiting.discard(work.item)

    def _change(self, event: e.Event, time: int) -> None:
        branch = getattr(event, "branch", "")
        change = CHANGES.get(type(event))
        visit = self._open.get(branch)
        if change is not None and visit is not None and change(visit, event, time):
            del self._open[branch]


class _Work(NamedTuple):
    """A task or a child of a visit."""

    visit: StepVisit
    item: int
    waits: bool
    """Whether its item waits for it to close, in the case of a child."""
