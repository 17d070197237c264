"""Plays executions by hand: builds workflows, answers tasks, lets time pass.

After every command the history is checked to give the state, and a snapshot to give it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from branchline.engine import (
    AnyCommand,
    Cancel,
    CompleteTask,
    Execution,
    FailTask,
    Link,
    Pause,
    Plan,
    RecordValue,
    Refused,
    Retry,
    Signal,
    Unpause,
    WaitInTask,
    Wake,
    decide,
    fold,
    start,
)
from branchline.engine.definition import SECOND, Workflow
from branchline.engine.events import AnyEvent, Event, Failure, StepStarted, TaskScheduled
from branchline.engine.state import Memory
from branchline.engine.validation import find_problems
from branchline.engine.values import Variables, encode

MINUTE = 60 * SECOND
ID = "exec_1"

Json = Any
"""A plain JSON value. A ``msgspec.Raw`` in its place is taken as it is."""

_KINDS = ("activity", "join", "wait_signal", "sleep", "pause", "child")
_E = TypeVar("_E", bound=Event)


def to(target: str, branch: str = "", when: str = "") -> Json:
    """An edge."""
    return {"step": target, "branch": branch, "condition": when}


def step(name: str, *edges: Json, **fields: Json) -> Json:
    """A step. Without a kind it is an activity of its own name; an edge may be a step's name."""
    if not any(kind in fields for kind in _KINDS):
        fields["activity"] = name
    following = [to(edge) if isinstance(edge, str) else edge for edge in edges]
    return {"name": name, "next": following, **fields}


def listen(name: str, *edges: Json, topic: str = "", **fields: Json) -> Json:
    """A step that waits a minute for a signal; the topic is the step's name if not given."""
    own = [key for key in ("store", "on_timeout") if key in fields]
    wait: Json = {"topic": topic or name, "timeout": fields.pop("timeout", MINUTE)}
    wait |= {key: fields.pop(key) for key in own}
    return step(name, *edges, wait_signal=wait, **fields)


def nap(name: str, *edges: Json, duration: int = MINUTE) -> Json:
    """A step that sleeps."""
    return step(name, *edges, sleep={"duration": duration})


def halt(name: str, *edges: Json, reason: str = "") -> Json:
    """A step that holds its branch."""
    return step(name, *edges, pause={"reason": reason})


def meet(name: str, *edges: Json, **join: Json) -> Json:
    """A join."""
    return step(name, *edges, join=join)


def fork(*edges: Json) -> Json:
    """A first step that needs no worker: a short sleep, then its edges."""
    return nap("fork", *edges, duration=1)


def workflow(*steps: Json, **fields: Json) -> Workflow:
    """A workflow that has been checked to be sound; durations are microseconds."""
    built = msgspec.convert({"name": "bakery", "steps": steps, **fields}, Workflow)
    assert find_problems(built) == []
    return built


def documents(values: Mapping[str, Json]) -> Variables:
    """Documents of plain values."""
    return {name: encode(value) for name, value in values.items()}


class Play:
    """One execution, started with given inputs and a time limit of its own.

    Times are microseconds from the start.
    """

    def __init__(
        self,
        *steps: Json,
        given: Mapping[str, Json] | None = None,
        limit: int | None = None,
        audited: bool = True,
        execution_id: str = ID,
        link: Link | None = None,
        **fields: Json,
    ) -> None:
        self.plan = Plan(workflow(*steps, **fields), version=1)
        self.now = 0
        self.history: list[tuple[int, Event]] = []
        self.audited = audited
        """Whether every command is followed by an audit, which takes as long as the history."""
        self._scheduled: dict[int, TaskScheduled] = {}
        inputs = documents(given or {})
        self.state, events = start(self.plan, execution_id, inputs, self.now, limit, link=link)
        self._take(events)

    # Commands

    def send(self, command: AnyCommand, chance: float = 0.0) -> list[Event]:
        """Decide a command. A refusal is checked to have changed nothing."""
        try:
            events = decide(self.plan, self.state, command, self.now, chance)
        except Refused:
            self.audit()
            raise
        self._take(events)
        return events

    def complete(
        self,
        activity: str,
        result: Json = None,
        *,
        item: int | None = None,
        patch: Mapping[str, Json] | None = None,
        remove: Iterable[str] = (),
    ) -> list[Event]:
        """Complete the oldest task of an activity (and of an item)."""
        task = self.task(activity, item).task
        patches = documents(patch or {})
        return self.send(
            CompleteTask(task=task, result=encode(result), set=patches, remove=tuple(remove))
        )

    def fail(
        self,
        activity: str,
        error_type: str = "activity_failed",
        message: str = "",
        *,
        details: Json = None,
        item: int | None = None,
        chance: float = 0.0,
    ) -> list[Event]:
        """Fail the oldest task of an activity (and of an item)."""
        error = Failure(error_type, message, encode(details))
        return self.send(FailTask(task=self.task(activity, item).task, error=error), chance)

    def wait(
        self,
        activity: str,
        topic: str = "bell",
        key: str = "1",
        *,
        item: int | None = None,
        timeout: int = MINUTE,
        deliveries: int = 1,
    ) -> list[Event]:
        """Let the oldest task of an activity (and of an item) wait for a signal."""
        task = self.task(activity, item).task
        return self.send(
            WaitInTask(task=task, key=key, topic=topic, timeout=timeout, deliveries=deliveries)
        )

    def record(
        self, activity: str, key: str, value: Json = None, *, item: int | None = None
    ) -> list[Event]:
        """Record a value in the oldest task of an activity (and of an item)."""
        task = self.task(activity, item).task
        return self.send(RecordValue(task=task, key=key, value=encode(value)))

    def signal(self, topic: str, payload: Json = None, signal_id: str = "") -> list[Event]:
        """Send a signal."""
        return self.send(Signal(topic=topic, payload=encode(payload), signal_id=signal_id))

    def pause(self, branch: str = "", reason: str = "") -> list[Event]:
        """Pause a branch, or all."""
        return self.send(Pause(branch=branch, reason=reason))

    def unpause(self, branch: str = "") -> list[Event]:
        """Let a branch, or all, go on."""
        return self.send(Unpause(branch=branch))

    def retry(self) -> list[Event]:
        """Take the failed execution up again."""
        return self.send(Retry())

    def cancel(self) -> list[Event]:
        """Cancel the execution."""
        return self.send(Cancel(reason="enough"))

    def wake(self, at: int) -> list[Event]:
        """Let time pass until a moment and tell the execution."""
        self.now = at
        return self.send(Wake())

    def advance(self, chance: float = 0.0) -> int:
        """Let time pass until the next timer is due; how long that took."""
        due = self.state.timers.next_due()
        assert due is not None, "no timer is running"
        before, self.now = self.now, max(due, self.now)
        self.send(Wake(), chance)
        return self.now - before

    # What is seen

    @property
    def tasks(self) -> list[TaskScheduled]:
        """The pending tasks, the oldest first."""
        return [self._scheduled[task] for task in self.state.tasks]

    def task(self, activity: str, item: int | None = None) -> TaskScheduled:
        """The oldest pending task of an activity (and of an item)."""
        of_activity = [task for task in self.tasks if task.activity == activity]
        fitting = [task for task in of_activity if item in (None, task.item)]
        assert fitting, f"no task of {activity} is pending"
        return fitting[0]

    def parameters(self, activity: str, item: int | None = None) -> Json:
        """The parameters of the oldest pending task of an activity."""
        return plain(self.task(activity, item).parameters)

    @property
    def statuses(self) -> dict[str, str]:
        """The status of each branch."""
        return {branch.id: str(branch.status) for branch in self.state.branches.values()}

    def variables(self, branch: str = "main") -> dict[str, Json]:
        """A branch's state in plain values."""
        return plain_all(self.state.branches[branch].variables)

    @property
    def outputs(self) -> dict[str, Json]:
        """The execution's outputs in plain values."""
        return plain_all(self.state.outputs)

    @property
    def error(self) -> str:
        """The type of the execution's error, empty without one."""
        return self.state.error.type if self.state.error else ""

    def events(self, kind: type[_E]) -> list[_E]:
        """The events of a kind so far."""
        return [event for _, event in self.history if isinstance(event, kind)]

    def visits(self, branch: str = "main") -> list[str]:
        """The steps that a branch has entered."""
        return [event.step for event in self.events(StepStarted) if event.branch == branch]

    def recorded(self, item: int = 0, branch: str = "main") -> dict[str, Json]:
        """What the activity of a branch, or of an item there, has recorded."""
        return plain_all(self._memory(branch, item).recorded)

    def received(self, item: int = 0, branch: str = "main") -> dict[str, Json]:
        """The payloads of the waits of an activity, by the keys of the waits."""
        return plain_all(self._memory(branch, item).received)

    def timed_out(self, item: int = 0, branch: str = "main") -> tuple[str, ...]:
        """The waits of the attempt that ran out."""
        return self.state.branches[branch].visit.attempts[item].timed_out

    # Checks

    def audit(self) -> None:
        """The stored history gives the state, and a snapshot gives it back."""
        stored = msgspec.json.encode(self.history)
        history = msgspec.json.decode(stored, type=list[tuple[int, AnyEvent]])
        assert fold(self.state.id, history) == self.state
        assert self.state.sequence == len(self.history)
        assert snapshot_of(self.state) == self.state

    def _memory(self, branch: str, item: int) -> Memory:
        return self.state.branches[branch].visit.memories.get(item, Memory())

    def _take(self, events: list[Event]) -> None:
        self.history += [(self.now, event) for event in events]
        self._scheduled |= {
            event.task: event for event in events if isinstance(event, TaskScheduled)
        }
        if self.audited:
            self.audit()


def forked(*steps: Json, **fields: Json) -> Play:
    """An execution whose first step, a ``fork``, is over."""
    play = Play(*steps, **fields)
    play.advance()
    return play


def snapshot_of(state: Execution) -> Execution:
    """The state, written down and read back."""
    return msgspec.json.decode(msgspec.json.encode(state), type=Execution)


def plain(document: msgspec.Raw) -> Json:
    """The plain value of a document."""
    return msgspec.json.decode(document)


def plain_all(variables: Variables) -> dict[str, Json]:
    """The plain values of documents."""
    return {name: plain(document) for name, document in variables.items()}
