"""How an execution stands, put together from what a watch gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from branchline.client.cli.sentences import error_text
from branchline.client.cli.texts import local_time, precise_time
from branchline.client.types import Event, ExecutionStatus, Progress

_ENDS: Final = {
    "branch_completed": "COMPLETED",
    "branch_failed": "FAILED",
    "branch_canceled": "CANCELED",
}
_CLOSES: Final = {
    "execution_completed": ExecutionStatus.COMPLETED,
    "execution_failed": ExecutionStatus.FAILED,
    "execution_canceled": ExecutionStatus.CANCELED,
}


@dataclass(slots=True)
class Row:
    """A branch."""

    branch: str
    status: str = "RUNNING"
    step: str = ""
    since: datetime | None = None
    """When it entered the step."""
    note: str = ""
    """What it waits for, what its activity says, or its error."""
    items: int = 0
    """How many items the step goes over; 0 for a step without ``each``."""
    done: int = 0
    """How many of them have ended."""
    held: tuple[str, str] | None = None
    """Status and note from before a pause or the end."""
    at_work: set[int] = field(default_factory=set)
    """The items, 0 in a step without ``each``, with an attempt that is open or follows."""
    waits: dict[int, str] = field(default_factory=dict)
    """By item, what its activity waits for."""

    @property
    def live(self) -> bool:
        """Whether more can happen to it."""
        return self.status not in _ENDS.values()

    def enter(self, step: str, time: datetime | None) -> None:
        """Begin with a step."""
        self.step, self.since, self.items, self.done = step, time, 0, 0
        self.at_work.clear()
        self.waits.clear()

    def work(self, item: int) -> None:
        """Have an item at work."""
        self.at_work.add(item)
        self.waits.pop(item, None)
        if self.status == "SUSPENDED":
            self.wake()

    def rest(self, item: int, wait: str = "") -> None:
        """Have an item at work no more; a branch is dormant when all that is left waits (9.2)."""
        self.at_work.discard(item)
        if wait:
            self.waits[item] = wait
        if self.waits and not self.at_work and self.status == "RUNNING":
            self.status, self.note = "SUSPENDED", next(iter(self.waits.values()))

    def hold(self, status: str, note: str) -> None:
        """Stop where it is."""
        if self.held is None:
            self.held = self.status, self.note
        self.status, self.note = status, note

    def release(self) -> None:
        """Go on where it was."""
        if self.held is not None:
            self.status, self.note = self.held
            self.held = None

    def wake(self) -> None:
        """Be at work."""
        if self.live:
            self.status, self.note, self.held = "RUNNING", "", None


class Board:
    """Folds events and progress. A watch that begins late leaves out what it has not seen."""

    def __init__(self) -> None:
        self.title = ""
        self.started: datetime | None = None
        self.updated: datetime | None = None
        """When the last event happened."""
        self.tasks_done = 0
        self._closed: ExecutionStatus | None = None
        self._rows: dict[str, Row] = {}
        self._tasks: dict[int, tuple[str, int]] = {}
        """Branch and item of the open attempts."""
        self._children: dict[int, tuple[str, int]] = {}
        """The same of the children that are waited for."""

    @property
    def status(self) -> ExecutionStatus:
        """How the execution stands (semantics 4.7)."""
        if self._closed is not None:
            return self._closed
        statuses = {row.status for row in self._rows.values()}
        for status in (ExecutionStatus.RUNNING, ExecutionStatus.PAUSED, ExecutionStatus.SUSPENDED):
            if status in statuses:
                return status
        return ExecutionStatus.RUNNING

    @property
    def open_tasks(self) -> int:
        """How many attempts wait for a worker or are at work."""
        return len(self._tasks)

    def rows(self, most: int) -> tuple[list[Row], int]:
        """The branches to show, in order of their start, and how many are left out.

        Live ones come before those that have ended, later ones before earlier ones.
        """
        rows = list(self._rows.values())
        ranked = sorted(rows, key=lambda row: row.live)[-most:] if most > 0 else []
        chosen = {row.branch for row in ranked}
        return [row for row in rows if row.branch in chosen], len(rows) - len(ranked)

    def apply(self, item: Event | Progress) -> None:
        """Take in what happened."""
        if isinstance(item, Progress):
            self._row(item.branch).note = item.message
            return
        self.updated = item.time
        if item.type == "execution_started":
            self._start(item)
        elif item.type in _CLOSES:
            self._closed = _CLOSES[item.type]
        elif item.type == "execution_retried":
            self._closed = None
        elif item.type.startswith(("task", "items")):
            self._task(item.type, item.data)
        elif item.type.startswith("child"):
            self._child(item.type, item.data)
        elif "branch" in item.data:
            self._branch(item)

    def _start(self, event: Event) -> None:
        self.title = f"{event.data['workflow']} version {event.data['version']}"
        self.started = event.time
        self._row("main")

    def _row(self, branch: str) -> Row:
        return self._rows.setdefault(branch, Row(branch))

    def _task(self, kind: str, data: Mapping[str, Any]) -> None:
        if kind == "items_listed":
            self._row(data["branch"]).items = len(data["items"])
        elif kind == "task_scheduled":
            branch, item = data["branch"], data["item"] or 0
            self._tasks[data["task"]] = branch, item
            self._row(branch).work(item)
        elif kind == "tasks_withdrawn":
            for task in data["tasks"]:
                self._task_left(task)
        else:
            self._task_ended(kind, data)

    def _task_left(self, task: int, wait: str = "") -> Row | None:
        branch, item = self._tasks.pop(task, ("", 0))
        row = self._row(branch) if branch else None
        if row is not None:
            row.rest(item, wait)
        return row

    def _task_ended(self, kind: str, data: Mapping[str, Any]) -> None:
        row = self._task_left(data["task"], _awaited(data) if kind == "task_waiting" else "")
        if kind == "task_completed":
            self.tasks_done += 1
            if row is not None:
                row.done += 1
        elif kind == "task_failed" and row is not None:
            row.note = error_text(data["error"])

    def _child(self, kind: str, data: Mapping[str, Any]) -> None:
        if kind == "child_requested":
            branch, item = data["branch"], data["item"] or 0
            self._row(branch).work(item)
            if data["wait"]:
                self._children[data["child"]] = branch, item
            else:
                self._row(branch).rest(item)
        elif kind == "child_started" and data["child"] in self._children:
            branch, item = self._children[data["child"]]
            self._row(branch).rest(item, f"waits for {data['execution_id']}{_limit(data)}")
        elif kind != "child_started":
            for child in data.get("children") or (data.get("child", 0),):
                self._child_left(kind, child, data)

    def _child_left(self, kind: str, child: int, data: Mapping[str, Any]) -> None:
        branch, item = self._children.pop(child, ("", 0))
        if not branch:
            return
        row = self._row(branch)
        row.work(item)
        row.rest(item)
        row.done += kind == "child_completed"
        if kind == "child_failed":
            row.note = error_text(data["error"])

    def _branch(self, event: Event) -> None:
        row, data = self._row(event.data["branch"]), event.data
        if event.type in _ENDS:
            note = error_text(data["error"]) if event.type == "branch_failed" else ""
            row.hold(_ENDS[event.type], note)
        elif event.type == "step_started":
            row.enter(data["step"], event.time)
            row.wake()
        elif event.type in _DORMANT:
            row.status, row.note = _DORMANT[event.type], _dormant_note(event)
        elif event.type == "branch_paused":
            row.hold("PAUSED", data["reason"])
        elif event.type in _RELEASES:
            row.release()
        elif event.type in _WAKES:
            row.wake()
        else:
            if event.type == "retry_scheduled":
                row.work(data["item"] or 0)
            row.note = _trouble(event) or row.note


_RELEASES: Final = {"branch_unpaused", "branch_resumed"}
_WAKES: Final = {"signal_consumed", "wait_timed_out", "step_completed", "join_passed"}
_DORMANT: Final = {
    "signal_awaited": "SUSPENDED",
    "sleep_started": "SUSPENDED",
    "join_reached": "WAITING",
}


def _dormant_note(event: Event) -> str:
    if event.type == "signal_awaited":
        return _awaited(event.data)
    return f"sleeps{_limit(event.data)}" if event.type == "sleep_started" else "waits at the join"


def _awaited(data: Mapping[str, Any]) -> str:
    return f"waits for signal {data['topic']}{_limit(data)}"


def _limit(data: Mapping[str, Any]) -> str:
    until = data.get("until")
    return f" until {local_time(until)}" if until else ""


def _trouble(event: Event) -> str:
    """Tell of an error, and of the attempt that follows it."""
    if event.type == "step_failed":
        return error_text(event.data["error"])
    if event.type == "retry_scheduled":
        return f"attempt {event.data['attempt']} at {precise_time(event.data['due'])}"
    return ""
