"""Hands tasks to workers and takes what they report (semantics 7.1 to 7.9, 8.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, NoReturn

from msgspec.structs import replace

from branchline.engine import AnyCommand, Execution, FailTask, Refused
from branchline.engine import events as e
from branchline.engine.events import Failure, Progress, TaskScheduled
from branchline.engine.values import encode_text
from branchline.testing.attempts import Attempt, Work, begun
from branchline.testing.bench import Bench
from branchline.testing.clock import Clock, moment
from branchline.testing.loop import VirtualLoop
from branchline.testing.offers import Offer
from branchline.testing.reports import command_of, document, record_of
from branchline.testing.tasks import LEASE, Task, TaskKey, delivered, scheduled
from branchline.v1 import task_pb2
from branchline.v1 import task_service_pb2 as pb

_SCHEDULE: Final = "schedule"
_ATTEMPT: Final = "attempt"
_HEARTBEAT: Final = "heartbeat"

_MESSAGES: Final = {
    _SCHEDULE: "no worker took the task within the step's schedule_timeout",
    _ATTEMPT: "the attempt took longer than its timeout",
    _HEARTBEAT: "the activity gave no sign of life within the step's heartbeat_timeout",
}


class Desk:
    """Every task without an outcome. It is what the workers' runner reports to."""

    def __init__(
        self,
        clock: Clock,
        loop: VirtualLoop,
        *,
        lease: int,
        max_deliveries: int,
    ) -> None:
        self.decide: Callable[[str, AnyCommand], None] = _nobody
        """Has a command for an execution decided. Raises ``Refused``."""
        self.look: Callable[[str], Execution] = _nobody
        """Tells how an execution stands."""
        self.fault: Exception | None = None
        """What went wrong while an outcome was taken: never the activity's own error."""
        self.offers: dict[str, Offer] = {}
        self.attempts: list[Attempt] = []
        """Those that have begun, in order."""
        self.tasks: dict[TaskKey, Task] = {}
        self._clock = clock
        self._bench = Bench(loop, clock, self)
        self._lease = lease
        self._max_deliveries = max_deliveries
        self._ready: dict[TaskKey, Task] = {}
        self._at_work: dict[str, Task] = {}
        """By token."""
        self._waiting: dict[tuple[str, str, int], Work] = {}
        """Attempts that wait for a signal, by execution, branch and item."""

    @property
    def most(self) -> Mapping[str, int]:
        """How many of an activity were at work at the same time, at most."""
        return self._bench.most

    # What executions want

    def add(self, state: Execution, event: TaskScheduled) -> None:
        """Let a task wait for a worker."""
        task = scheduled(state, event)
        if event.deliveries:
            task.work = self._waiting.pop((state.id, event.branch, event.item or 0), None)
        self.tasks[task.key] = self._ready[task.key] = task
        self._limit(task, _SCHEDULE, event.schedule_timeout)

    def end(self, key: TaskKey, *, waits: bool = False) -> None:
        """Forget a task that has ended; its activity is told to stop. It may go on later."""
        task = self.tasks.pop(key, None)
        if task is None:
            return
        if waits and task.work is not None:
            self._waiting[key.execution, task.event.branch, task.event.item or 0] = task.work
        self._ready.pop(key, None)
        task.silence()
        self._leave(task)

    def with_progress(self, execution: str, events: Iterable[e.Event]) -> list[e.Event]:
        """The events, those that end attempts with what the activities have said last."""
        return [self._with_progress(execution, event) for event in events]

    # What time brings

    def deliver(self) -> bool:
        """Give tasks to the workers that offer them; whether there were any.

        Functions in threads go one by one, so that all happens in the same order every time.
        """
        found = False
        for task in list(self._ready.values()):
            if not self._is_offered(task):
                continue
            threaded = self._is_threaded(task)
            if found and threaded:
                break
            self._deliver(task)
            found = True
            if threaded:
                break
        return found

    def lose_all(self) -> None:
        """Every worker crashes."""
        for task in list(self._at_work.values()):
            self._crash(task)

    def close(self) -> None:
        """Stop whatever is at work."""
        self._bench.close()

    def _deliver(self, task: Task) -> None:
        del self._ready[task.key]
        first = task.started_at is None
        message = delivered(task, self._clock.now)
        task.silence(_SCHEDULE)
        if task.work is None:
            performer = self.offers[task.event.activity].next()
            task.work = begun(message, performer, moment(self._clock.now))
            self.attempts.append(task.work.attempt)
        task.work.attempt.deliveries = task.delivery
        if first:
            self._limit(task, _ATTEMPT, task.event.timeout)
        self._limit(task, _HEARTBEAT, task.event.heartbeat_timeout)
        self._at_work[task.token] = task
        self._bench.begin(message, task.work.performer, partial(self._crash, task))

    def _is_offered(self, task: Task) -> bool:
        offer = self.offers.get(task.event.activity)
        return offer is not None and offer.queue == task.event.queue

    def _is_threaded(self, task: Task) -> bool:
        if task.work is not None:
            return not task.work.performer.is_async
        return self.offers[task.event.activity].is_threaded

    def _limit(self, task: Task, name: str, span: int | None) -> None:
        if span is not None:
            ring = partial(self._time_out, task, name)
            task.alarm(name, self._clock.set(self._clock.now + span, ring))

    def _time_out(self, task: Task, name: str) -> None:
        self._fail(task, Failure("timeout", _MESSAGES[name]))

    def _fail(self, task: Task, failure: Failure) -> None:
        self._tell(task, FailTask(task.key.task, failure))

    def _crash(self, task: Task) -> None:
        """Lose a task's worker: nobody hears of it before the lease has ended."""
        self._leave(task)
        task.alarm(LEASE, self._clock.set(self._clock.now + self._lease, partial(self._lose, task)))

    def _lose(self, task: Task) -> None:
        """A lease has ended: another delivery, or the end of the attempt (7.3)."""
        task.losses += 1
        if task.losses < self._max_deliveries:
            self._release(task)
            return
        message = f"the task was delivered {task.delivery} times and no worker ended it"
        self._fail(task, Failure("worker_lost", message))

    def _release(self, task: Task) -> None:
        """Let a task wait for another worker."""
        task.is_in_hand = False
        task.silence(_HEARTBEAT, LEASE)
        self._ready[task.key] = task

    def _leave(self, task: Task) -> None:
        if self._at_work.pop(task.token, None) is not None:
            self._bench.leave(task.token)

    # What workers report

    def ended(self, outcome: task_pb2.TaskOutcome) -> None:
        """A task has ended."""
        task = self._at_work.get(outcome.token)
        if task is None:
            return
        try:
            self._take(task, outcome)
        except Exception as fault:  # noqa: BLE001 - the loop would only log it
            self.fault = fault

    def _take(self, task: Task, outcome: task_pb2.TaskOutcome) -> None:
        self._leave(task)
        command = command_of(task.key.task, task.delivery, outcome)
        if command is None:
            self._release(task)
        else:
            self._tell(task, command)

    def heartbeat(self, token: str, progress: tuple[str, str] | None) -> None:
        """An activity has given a sign of life, with progress (message, JSON text) or without."""
        task = self._at_work.get(token)
        if task is None:
            return
        self._limit(task, _HEARTBEAT, task.event.heartbeat_timeout)
        if progress is not None:
            message, data = progress
            task.progress = Progress(message, document(data), self._clock.now, task.event.item)

    def record(self, record: task_pb2.TaskRecord) -> None:
        """An activity records a value."""
        task = self._at_work.get(record.token)
        if task is None:
            return
        self._limit(task, _HEARTBEAT, task.event.heartbeat_timeout)
        command = record_of(task.key.task, record)
        task.message.recorded_json[record.key] = record.value_json or "null"
        self.decide(task.key.execution, command)
        self._bench.recorded(record.token, record.key)

    async def branch_state(self, token: str) -> pb.GetBranchStateResponse:
        """An activity asks for its branch."""
        task = self._at_work[token]
        state = self.look(task.key.execution)
        return pb.GetBranchStateResponse(
            state_json=encode_text(state.branches[task.event.branch].variables),
            inputs_json=encode_text(state.inputs),
        )

    def _tell(self, task: Task, command: AnyCommand) -> None:
        try:
            self.decide(task.key.execution, command)
        except Refused:
            self.end(task.key)

    def _with_progress(self, execution: str, event: e.Event) -> e.Event:
        match event:
            case e.TaskCompleted() | e.TaskFailed() | e.TaskWaiting():
                task = self.tasks.get(TaskKey(execution, event.task))
                told = None if task is None else task.progress
                return event if told is None else replace(event, progress=told)
            case e.TasksWithdrawn():
                return replace(event, progress=self._latest(execution, event.tasks))
            case _:
                return event

    def _latest(self, execution: str, numbers: Iterable[int]) -> dict[str, Progress]:
        found = [self.tasks.get(TaskKey(execution, number)) for number in numbers]
        told = [(task.progress, task.event.branch) for task in found if task and task.progress]
        told.sort(key=lambda one: one[0].time)
        return {branch: progress for progress, branch in told}


def _nobody(*_: object) -> NoReturn:
    raise AssertionError("the desk belongs to no world yet")
