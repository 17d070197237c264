"""Tasks without an outcome, and what runs out for them (semantics 7.3, 8.5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import NAMESPACE_OID, uuid5

from branchline.engine import Execution
from branchline.engine.events import Progress, TaskScheduled
from branchline.engine.state import Attempt, Memory
from branchline.engine.values import Variables
from branchline.testing.attempts import Work
from branchline.testing.clock import Alarm, moment
from branchline.v1 import task_pb2

LEASE: Final = "lease"
"""The alarm that rings when the lease of a crashed worker has ended."""


class TaskKey(NamedTuple):
    """Names a task in the whole rehearsal."""

    execution: str
    task: int


@dataclass(eq=False, kw_only=True)
class Task:
    """A task without an outcome. Times are microseconds."""

    key: TaskKey
    event: TaskScheduled
    message: task_pb2.Task
    """What its worker is told; each delivery gets a token and a number of its own."""
    delivery: int
    work: Work | None = None
    """Set once it has been delivered."""
    losses: int = 0
    """How many leases have ended without an outcome."""
    started_at: int | None = None
    token: str = ""
    """That of the delivery at work; empty while it waits for a worker."""
    is_in_hand: bool = False
    """Whether it is leased to a worker, one that has crashed perhaps."""
    progress: Progress | None = None
    alarms: dict[str, Alarm] = field(default_factory=dict)

    @property
    def offer(self) -> tuple[str, str]:
        """The activity and the task queue that a worker must offer to take it."""
        return self.event.activity, self.event.queue

    @property
    def is_lost(self) -> bool:
        """Whether its worker has crashed, and the lease has not ended yet."""
        return LEASE in self.alarms

    def alarm(self, name: str, alarm: Alarm) -> None:
        """Set one of its alarms anew."""
        self.silence(name)
        self.alarms[name] = alarm

    def silence(self, *names: str) -> None:
        """Take alarms back; without names all of them."""
        for name in names or list(self.alarms):
            if name in self.alarms:
                self.alarms.pop(name).cancel()


def scheduled(state: Execution, event: TaskScheduled) -> Task:
    """The task of an event that has just happened to an execution."""
    branch = state.branches[event.branch]
    item = event.item or 0
    memory = branch.visit.memories.get(item, Memory())
    message = task_pb2.Task(
        execution_id=state.id,
        workflow=state.workflow,
        version=state.version,
        branch=event.branch,
        step=branch.step,
        activity=event.activity,
        attempt=event.attempt,
        item=event.item,
        parameters_json=bytes(event.parameters).decode(),
        recorded_json=_texts(memory.recorded),
        received_json=_texts(memory.received),
        timed_out_waits=branch.visit.attempts.get(item, Attempt()).timed_out,
        idempotency_key=_idempotency_key(state.id, branch.visit.number, item),
    )
    if event.heartbeat_timeout is not None:
        message.heartbeat_timeout.FromMicroseconds(event.heartbeat_timeout)
    key = TaskKey(state.id, event.task)
    return Task(key=key, event=event, message=message, delivery=event.deliveries)


def delivered(task: Task, now: int) -> task_pb2.Task:
    """Hand a task to a worker: what it is told."""
    task.delivery += 1
    task.started_at = now if task.started_at is None else task.started_at
    task.is_in_hand = True
    task.token = f"{task.key.execution}/{task.key.task}/{task.delivery}"
    message = task_pb2.Task()
    message.CopyFrom(task.message)
    message.token = task.token
    message.delivery = task.delivery
    if task.event.timeout is not None:
        message.deadline.FromDatetime(moment(task.started_at + task.event.timeout))
    return message


_KEYS: Final = uuid5(NAMESPACE_OID, "branchline.testing")


def _idempotency_key(execution_id: str, visit: int, item: int) -> str:
    return str(uuid5(_KEYS, f"{execution_id}/{visit}/{item}"))


def _texts(documents: Variables) -> dict[str, str]:
    return {key: bytes(document).decode() for key, document in documents.items()}
