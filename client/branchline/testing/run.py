"""One execution of a rehearsal, as a test sees it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from branchline.client import _json
from branchline.client.types import (
    Event,
    ExecutionInfo,
    ExecutionStatus,
    Failure,
    StepVisit,
    Suspension,
    WaitingTask,
)
from branchline.engine import AnyCommand, Cancel, Pause, Retry, Signal, Unpause
from branchline.engine import events as e
from branchline.testing import histories, views
from branchline.testing.attempts import Attempt
from branchline.testing.clock import Clock
from branchline.testing.reports import document
from branchline.testing.tasks import Task
from branchline.testing.verdict import verdict
from branchline.testing.world import Hosted, World


class Run:
    """How an execution stands, what has happened to it, and ways to act on it.

    What is read is as of now. What acts has its consequences at once, as far as they need no
    time; it raises what the SDK's ``Execution`` raises. After ``delete`` everything raises
    ``ExecutionNotFound``.
    """

    def __init__(
        self, world: World, clock: Clock, settle: Callable[[], None], execution_id: str
    ) -> None:
        self.id = execution_id
        """The execution's id."""
        self._world = world
        self._clock = clock
        self._settle = settle

    def __repr__(self) -> str:
        return f"<Run {self.id}>"

    # How it stands

    def describe(self) -> ExecutionInfo:
        """Everything that the SDK tells of an execution."""
        return views.execution_info(self._hosted.state, self._tasks)

    @property
    def version(self) -> int:
        """The version of its workflow."""
        return self._hosted.state.version

    @property
    def status(self) -> ExecutionStatus:
        """How it stands; equal to its name, such as ``"COMPLETED"`` (semantics 4.7)."""
        return ExecutionStatus(self._hosted.state.status)

    @property
    def status_changes(self) -> list[ExecutionStatus]:
        """The statuses that it has had, in order."""
        return [ExecutionStatus(status) for status in self._hosted.changes]

    @property
    def outputs(self) -> dict[str, Any] | None:
        """Its results, once it has completed."""
        return self.describe().outputs

    @property
    def error(self) -> Failure | None:
        """Why it has failed, if it has."""
        return views.failure(self._hosted.state.error)

    @property
    def suspension(self) -> Suspension | None:
        """Why nothing in it moves, while it is suspended or paused (semantics 4.8)."""
        return self.describe().suspension

    @property
    def waiting_for(self) -> tuple[WaitingTask, ...]:
        """The activities that nobody offers, with their task queues (semantics 7.1)."""
        return self.describe().waiting_tasks

    @property
    def branches(self) -> dict[str, str]:
        """The status of each branch, by its id."""
        return {b.id: str(b.status) for b in self._hosted.state.branches.values()}

    def variables(self, branch: str = "main") -> dict[str, Any]:
        """A branch's variables; none of a branch that does not exist."""
        found = self._hosted.state.branches.get(branch)
        return {} if found is None else views.plain_all(found.variables)

    @property
    def children(self) -> list[Run]:
        """The executions that it has started, follow-ups too, in the order of their starts."""
        return [
            Run(self._world, self._clock, self._settle, hosted.state.id)
            for hosted in self._world.hosted.values()
            if hosted.state.parent == self.id
        ]

    @property
    def elapsed(self) -> timedelta:
        """From its start to its end, or to now."""
        state = self._hosted.state
        end = self._clock.now if state.close_time is None else state.close_time
        return timedelta(microseconds=end - state.start_time)

    # What has happened

    def visits(self, branch: str = "main") -> list[str]:
        """The names of the steps that a branch has entered, in order."""
        events = (event for _, event in self._hosted.history)
        return [v.step for v in events if isinstance(v, e.StepStarted) and v.branch == branch]

    @property
    def step_visits(self) -> list[StepVisit]:
        """How each visit of a step went, in the order in which they began (semantics 12.4)."""
        hosted = self._hosted
        return views.step_visits(hosted.plan, hosted.history, self._tasks)

    @property
    def history(self) -> list[Event]:
        """Its events (semantics 12.1)."""
        return histories.told(self._hosted.history)

    def calls(self, activity: str) -> list[dict[str, Any]]:
        """The parameters of each attempt of an activity, in the order in which they began."""
        return [attempt.parameters for attempt in self.attempts(activity)]

    def attempts(self, activity: str = "") -> list[Attempt]:
        """The attempts of an activity, or of all, in the order in which they began."""
        return [
            attempt
            for attempt in self._world.desk.attempts
            if attempt.execution == self.id and activity in ("", attempt.activity)
        ]

    # What is expected

    def expect_completed(self) -> dict[str, Any]:
        """Its outputs.

        Raises:
            AssertionError: it has not completed; the message tells all that may explain it.

        """
        info = self._expect("COMPLETED")
        return info.outputs or {}

    def expect_failed(self, type: str | None = None) -> Failure:  # noqa: A002 - as files call it
        """Its error, of the type that is given.

        Raises:
            AssertionError: it has not failed, or with another error; the message tells more.

        """
        error = self._expect("FAILED").error
        if error is None or type not in (None, error.type):
            raise AssertionError(self._verdict(f"FAILED with {type}"))
        return error

    def _expect(self, status: str) -> ExecutionInfo:
        info = self.describe()
        if info.status != status:
            raise AssertionError(self._verdict(status))
        return info

    def _verdict(self, expected: str) -> str:
        return verdict(self.describe(), expected, self.elapsed, self.step_visits, self._tasks)

    # What happens from outside

    def signal(self, topic: str, payload: object = None, *, signal_id: str | None = None) -> None:
        """Send a signal (semantics 10.1)."""
        text = _json.encode(payload, "the payload")
        self._do(Signal(topic=topic, payload=document(text), signal_id=signal_id or ""))

    def pause(self, branch: str = "", *, reason: str = "") -> None:
        """Pause a branch, or all that are live (semantics 10.5)."""
        self._do(Pause(branch=branch, reason=reason))

    def unpause(self, branch: str = "") -> None:
        """Let a paused branch, or all, go on (semantics 10.5)."""
        self._do(Unpause(branch=branch))

    def cancel(self, reason: str = "") -> None:
        """End it as cancelled (semantics 4.9)."""
        self._do(Cancel(reason=reason))

    def retry(self) -> None:
        """Take it up again after it has failed (semantics 4.9)."""
        self._do(Retry())

    def delete(self) -> None:
        """Remove it with its history once it has closed (semantics 4.10)."""
        self._world.delete(self.id)

    def _do(self, command: AnyCommand) -> None:
        self._world.command(self.id, command)
        self._settle()

    @property
    def _hosted(self) -> Hosted:
        return self._world.find(self.id)

    @property
    def _tasks(self) -> list[Task]:
        """Its tasks without an outcome."""
        tasks = self._world.desk.tasks.items()
        return [task for key, task in tasks if key.execution == self.id]
