"""Executions in one virtual time: decided by the engine, as a server has them decided."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec

from branchline.client.errors import WorkflowNotFound
from branchline.engine import (
    AnyCommand,
    Cancel,
    ChildBegan,
    ChildClosed,
    ChildRefused,
    Execution,
    Link,
    Plan,
    Refused,
    Signal,
    Status,
    Wake,
    decide,
    fold,
    start,
)
from branchline.engine import events as e
from branchline.engine.events import Event, Failure
from branchline.engine.inputs import InvalidInputs, bind_inputs
from branchline.engine.state import Request
from branchline.engine.values import Variables
from branchline.testing.clock import Alarm, Clock
from branchline.testing.desk import Desk
from branchline.testing.library import Library
from branchline.testing.refusals import execution_live, execution_not_found, refused
from branchline.testing.tasks import TaskKey


@dataclass(eq=False)
class Hosted:
    """An execution with all that has happened to it."""

    plan: Plan
    state: Execution
    history: list[tuple[int, Event]] = field(default_factory=list)
    """With the time of each event, microseconds since the epoch."""
    changes: list[Status] = field(default_factory=list)
    """The statuses that it has had, in order."""
    alarm: Alarm | None = None
    """Rings when something in it is due."""


class World:
    """All executions of a rehearsal."""

    def __init__(
        self, clock: Clock, library: Library, chance: Callable[[], float], desk: Desk
    ) -> None:
        self.hosted: dict[str, Hosted] = {}
        """By id, in the order in which they were started."""
        self.desk: Final = desk
        desk.decide, desk.look = self.decide, self.state
        self._clock = clock
        self._library = library
        self._chance = chance
        self._orders: deque[tuple[str, AnyCommand]] = deque()
        """What decisions ask of other executions, still to be decided."""
        self._asking: dict[str, None] = {}
        """The executions that ask for others."""
        self._made = 0

    def find(self, execution_id: str) -> Hosted:
        """An execution. Raises ``ExecutionNotFound``."""
        hosted = self.hosted.get(execution_id)
        if hosted is None:
            raise execution_not_found(execution_id)
        return hosted

    def state(self, execution_id: str) -> Execution:
        """How an execution stands. Raises ``ExecutionNotFound``."""
        return self.find(execution_id).state

    def start(
        self,
        plan: Plan,
        inputs: Variables,
        execution_id: str = "",
        *,
        timeout: int | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Hosted:
        """Start an execution, and what follows from it."""
        hosted = self._begin(plan, inputs, execution_id, timeout=timeout, labels=labels)
        self._follow()
        return hosted

    def command(self, execution_id: str, command: AnyCommand) -> None:
        """Have a command of the outside decided. Raises ``RpcError``."""
        hosted = self.find(execution_id)
        state = hosted.state
        closed = state.end is not None
        if closed and isinstance(command, Signal) and command.signal_id in state.signal_ids:
            return  # it has taken this very signal before it closed (10.1)
        try:
            self.decide(execution_id, command)
        except Refused as refusal:
            raise refused(refusal) from refusal

    def decide(self, execution_id: str, command: AnyCommand) -> None:
        """Decide a command, and whatever follows from it. Raises ``Refused``."""
        self._decide(self.hosted[execution_id], command)
        self._follow()

    def delete(self, execution_id: str) -> None:
        """Remove a closed execution (semantics 4.10). Raises ``RpcError``."""
        if self.find(execution_id).state.end is None:
            raise execution_live(execution_id)
        del self.hosted[execution_id]

    def restart(self) -> None:
        """Read every state again from its history.

        Raises:
            AssertionError: a state is not what its history says, which is a fault of the engine.

        """
        for execution_id, hosted in self.hosted.items():
            stored = msgspec.json.encode(hosted.history)
            again = fold(execution_id, _decode_history(stored))
            if again != hosted.state:
                raise AssertionError(f"the history of {execution_id} does not give its state")
            hosted.state = again

    def _begin(
        self,
        plan: Plan,
        inputs: Variables,
        execution_id: str = "",
        *,
        timeout: int | None = None,
        labels: Mapping[str, str] | None = None,
        link: Link | None = None,
    ) -> Hosted:
        new_id = execution_id or self._new_id()
        state, events = start(
            plan,
            new_id,
            inputs,
            self._clock.now,
            timeout,
            labels=dict(labels or {}),
            link=link,
        )
        hosted = self.hosted[new_id] = Hosted(plan, state)
        hosted.changes.append(Status.RUNNING)
        self._take(hosted, events)
        return hosted

    def _new_id(self) -> str:
        """An id that sorts by the time of the start (semantics 4.3)."""
        new_id = ""
        while not new_id or new_id in self.hosted:
            self._made += 1
            new_id = f"exec_{self._made:08}"
        return new_id

    def _decide(self, hosted: Hosted, command: AnyCommand) -> None:
        events = decide(hosted.plan, hosted.state, command, self._clock.now, self._chance())
        self._take(hosted, events)
        if isinstance(command, Wake) and hosted.state.requests:
            self._asking[hosted.state.id] = None

    def _take(self, hosted: Hosted, events: list[Event]) -> None:
        """Keep what has happened; tasks, alarms and orders to others follow from it."""
        state = hosted.state
        for event in self.desk.with_progress(state.id, events):
            hosted.history.append((self._clock.now, event))
            self._relate(hosted, event)
        if events and state.child and state.end is not None:
            self._orders.append((state.parent, _closing(state)))
        if state.status is not hosted.changes[-1]:
            hosted.changes.append(state.status)
        self._set_alarm(hosted)

    def _relate(self, hosted: Hosted, event: Event) -> None:
        state = hosted.state
        match event:
            case e.TaskScheduled() if event.task in state.tasks:
                self.desk.add(state, event)
            case e.TaskCompleted() | e.TaskFailed():
                self.desk.end(TaskKey(state.id, event.task))
            case e.TaskWaiting():
                self.desk.end(TaskKey(state.id, event.task), waits=True)
            case e.TasksWithdrawn():
                for task in event.tasks:
                    self.desk.end(TaskKey(state.id, task))
            case e.ChildRequested() | e.FollowUpRequested():
                self._asking[state.id] = None
            case e.ChildrenStopped():
                self._cancel(state, event.executions)
            case e.ChildTimedOut():
                self._cancel(state, (event.execution,))
            case _:
                pass

    def _cancel(self, state: Execution, executions: tuple[str, ...]) -> None:
        reason = f"{state.id}, which has started it, no longer waits for it"
        self._orders += [(each, Cancel(reason=reason)) for each in executions]

    def _set_alarm(self, hosted: Hosted) -> None:
        if hosted.alarm is not None:
            hosted.alarm.cancel()
            hosted.alarm = None
        due = hosted.state.timers.next_due()
        if hosted.state.end is None and due is not None:
            hosted.alarm = self._clock.set(due, lambda: self.decide(hosted.state.id, Wake()))

    # What follows for other executions (semantics 11)

    def _follow(self) -> None:
        while self._orders or self._asking:
            while self._orders:
                execution_id, command = self._orders.popleft()
                hosted = self.hosted.get(execution_id)
                if hosted is not None:
                    with suppress(Refused):  # it may have closed meanwhile
                        self._decide(hosted, command)
            if self._asking:
                execution_id = next(iter(self._asking))
                del self._asking[execution_id]
                self._start_requested(self.hosted[execution_id])

    def _start_requested(self, hosted: Hosted) -> None:
        for child in list(hosted.state.requests):
            request = hosted.state.requests.get(child)
            if request is None:
                break  # an answer before has ended the execution
            self._decide(hosted, self._answer(hosted.state, child, request))

    def _answer(self, state: Execution, child: int, request: Request) -> ChildBegan | ChildRefused:
        try:
            plan = self._library.plan(request.workflow, request.version)
            inputs = bind_inputs(plan.workflow, request.inputs)
        except WorkflowNotFound as error:
            return ChildRefused(child, Failure("child_start_failed", error.message))
        except InvalidInputs as error:
            return ChildRefused(child, Failure("child_start_failed", str(error)))
        link = Link(state.id, state.depth + 1, child if request.wait else 0)
        return ChildBegan(child, self._begin(plan, inputs, link=link).state.id)


_decode_history: Final = msgspec.json.Decoder(list[tuple[int, e.AnyEvent]]).decode


def _closing(state: Execution) -> ChildClosed:
    """What the parent of an execution is told when it has closed (semantics 11.1)."""
    return ChildClosed(
        child=state.child,
        status=state.status,
        outputs=state.outputs,
        error=state.error,
        duration=(state.close_time or 0) - state.start_time,
    )
