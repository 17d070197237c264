"""How an execution stands, put together from what a watch gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from branchline.client.cli.sentences import error_text
from branchline.client.cli.texts import local_time
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

    @property
    def live(self) -> bool:
        """Whether more can happen to it."""
        return self.status not in _ENDS.values()

    def enter(self, step: str, time: datetime | None) -> None:
        """Begin with a step."""
        self.step, self.since, self.items, self.done = step, time, 0, 0

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
        self._tasks: dict[int, str] = {}

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
            self._tasks[data["task"]] = data["branch"]
        elif kind == "tasks_withdrawn":
            for task in data["tasks"]:
                self._tasks.pop(task, None)
        else:
            self._task_ended(kind, data)

    def _task_ended(self, kind: str, data: Mapping[str, Any]) -> None:
        branch = self._tasks.pop(data["task"], None)
        row = None if branch is None else self._row(branch)
        if kind == "task_completed":
            self.tasks_done += 1
            if row is not None:
                row.done += 1
        elif row is not None:
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
            row.note = _trouble(event) or row.note


_RELEASES: Final = {"branch_unpaused", "branch_resumed"}
_WAKES: Final = {"signal_consumed", "wait_timed_out", "step_completed", "join_passed"}
_DORMANT: Final = {
    "signal_awaited": "SUSPENDED",
    "sleep_started": "SUSPENDED",
    "join_reached": "WAITING",
}


def _dormant_note(event: Event) -> str:
    until = event.data.get("until")
    limit = f" until {local_time(until)}" if until else ""
    if event.type == "signal_awaited":
        return f"waits for signal {event.data['topic']}{limit}"
    return f"sleeps{limit}" if event.type == "sleep_started" else "waits at the join"


def _trouble(event: Event) -> str:
    """Tell of an error, and of the attempt that follows it."""
    if event.type == "step_failed":
        return error_text(event.data["error"])
    if event.type == "retry_scheduled":
        return f"attempt {event.data['attempt']} at {local_time(event.data['due'])}"
    return ""
