"""One turn: what was decided, what is to be stored for it, and whom to tell afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from branchline.engine import AnyCommand, Cancel, ChildClosed, Execution
from branchline.engine import events as e
from branchline.engine.values import Variables, encode_text
from branchline.server.dispatch import (
    Assignment,
    CancellationReason,
    Dispatcher,
    PendingTask,
    Pull,
    TaskKey,
)
from branchline.server.dispatch import (
    TaskPayload as Payload,
)
from branchline.server.errors import Reason, ServiceError
from branchline.server.runtime.live import Change, Live
from branchline.server.runtime.requests import AnyRequest, Order
from branchline.server.runtime.rows import lease_row, release_row, store_change, task_row
from branchline.server.storage import (
    Batch,
    Cancellation,
    TaskHold,
    TaskPayload,
    TaskPull,
)
from branchline.server.storage import TaskKey as TaskRowKey

_UNTOLD = ServiceError(Reason.INTERNAL, "nobody is told this")


class Turn:
    """Collects the decisions of a turn; all of it is stored together or not at all."""

    def __init__(self, now: int) -> None:
        self.now = now
        """Microseconds since the epoch, the time of every event of the turn."""
        self.changes: dict[int, Change] = {}
        self.started: dict[str, Change] = {}
        """The executions that the turn starts, by id."""
        self.requests: dict[tuple[str, str], Change] = {}
        """The same by workflow and request id."""
        self.deleted: dict[str, int] = {}
        """Keys of removed executions by their ids."""
        self.tasks: dict[TaskKey, PendingTask] = {}
        """Tasks that were scheduled and are still wanted."""
        self.ended: dict[TaskKey, CancellationReason] = {}
        """Stored tasks that have an outcome or were withdrawn."""
        self.recorded: dict[TaskKey, Variables] = {}
        """What pending tasks have recorded so far."""
        self.released: list[PendingTask] = []
        """Tasks that wait again."""
        self.held: list[TaskHold] = []
        """Deliveries that must still stand when the turn is stored."""
        self.assignments: list[Assignment] = []
        self.pulls: list[Pull] = []
        self.origin: AnyRequest | None = None
        """The request that is being decided."""
        self.orders: list[Order] = []
        """What the decisions ask of other executions, still to be decided."""
        self.asking: dict[int, tuple[Live, AnyRequest]] = {}
        """Executions that ask for others, by key, and the requests from which that follows."""
        self.postponed: dict[str, str] = {}
        """Executions that are to be cancelled later, and why."""
        self.cancelled: list[str] = []
        """Executions that were to be cancelled later, and are now."""
        self.on_stored: list[Callable[[], None]] = []
        self._on_lost: list[tuple[AnyRequest | None, Callable[[ServiceError], None]]] = []
        """With the request that is told, None where something is taken back."""

    def answer(self, stored: Callable[[], None], lost: Callable[[ServiceError], None]) -> None:
        """Tell somebody once the turn is stored, or that it is lost."""
        self.on_stored.append(stored)
        self.tell_lost(lost)

    def tell_lost(self, told: Callable[[ServiceError], None]) -> None:
        """Tell whoever made the request that is being decided when the turn is lost."""
        self._on_lost.append((self.origin, told))

    def take_back(self, action: Callable[[], None]) -> None:
        """Take something back when the turn is lost."""
        self._on_lost.append((None, lambda _: action()))

    def lose(self, error: ServiceError, *, but: AnyRequest | None = None) -> None:
        """Take everything back and tell everybody but the maker of one request."""
        for request, told in self._on_lost:
            if request is None or request is not but:
                told(error)

    def undo(self) -> None:
        """Take everything back and tell nobody, because all of it is decided again."""
        for request, told in self._on_lost:
            if request is None:
                told(_UNTOLD)

    def change(self, live: Live) -> Change:
        """What the turn does to an execution."""
        change = self.changes.get(live.key)
        if change is None:
            change = self.changes[live.key] = Change(live)
        return change

    def record(self, live: Live, events: list[e.Event]) -> None:
        """Take decided events; tasks follow from them."""
        self.change(live).events.extend(events)
        for event in events:
            effect = _EFFECTS.get(type(event))
            if effect is not None:
                effect(self, live, event)
        if live.state.child and live.state.end is not None:
            self._order(live.state.parent, _closing(live.state))

    def ask(self, live: Live) -> None:
        """Start what an execution asks for before the turn is stored, as far as there is room."""
        self.change(live)  # so that it is woken again for what there is no room for
        if self.origin is not None:
            self.asking[live.key] = live, self.origin

    def _cancel(self, live: Live, executions: tuple[str, ...]) -> None:
        reason = f"{live.state.id}, which has started it, no longer waits for it"
        for execution_id in executions:
            self._order(execution_id, Cancel(reason=reason))

    def _order(self, execution_id: str, command: AnyCommand) -> None:
        if self.origin is not None:
            self.orders.append(Order(execution_id, command, self.origin))

    def mark_timed_out(self, key: TaskKey) -> None:
        """A task that this turn ends ran out of time: its worker is told so."""
        if key in self.ended:
            self.ended[key] = CancellationReason.TIMED_OUT

    def hold(self, task: PendingTask, *, leased: bool = True) -> None:
        """Something rests on a task's present delivery."""
        self.held.append(TaskHold(*task.key, task.delivery, leased=leased))

    def _add_task(self, live: Live, event: e.TaskScheduled) -> None:
        task = PendingTask.scheduled(live.key, live.state, event)
        self.tasks[task.key] = task

    def _remember(self, live: Live, event: e.ValueRecorded) -> None:
        """A pending task has recorded a value, which its next delivery shall carry."""
        ref = live.state.tasks.get(event.task)
        if ref is not None:
            memories = live.state.branches[ref.branch].visit.memories
            self.recorded[TaskKey(live.key, event.task)] = memories[ref.item].recorded

    def _end_task(self, live: Live, event: e.TaskCompleted | e.TaskFailed | e.TaskWaiting) -> None:
        self._end(TaskKey(live.key, event.task))

    def _withdraw(self, live: Live, event: e.TasksWithdrawn) -> None:
        for task in event.tasks:
            self._end(TaskKey(live.key, task))

    def _end(self, key: TaskKey) -> None:
        if self.tasks.pop(key, None) is None:
            self.ended[key] = CancellationReason.WITHDRAWN

    def _ask(self, live: Live, _event: e.ChildRequested | e.FollowUpRequested) -> None:
        self.ask(live)

    def _stop_children(self, live: Live, event: e.ChildrenStopped) -> None:
        self._cancel(live, event.executions)

    def _stop_child(self, live: Live, event: e.ChildTimedOut) -> None:
        self._cancel(live, (event.execution,))

    def batch(self, dispatcher: Dispatcher) -> Batch:
        """What is to be stored; tasks are assigned to free workers on the way."""
        batch = Batch(time=self.now)
        for change in self.changes.values():
            store_change(batch, change, self.now)
        batch.tasks_changed += [
            TaskPayload(*key, encode_text(payload))
            for key, payload in self.payloads(dispatcher).items()
        ]
        batch.tasks_removed += [TaskRowKey(*key) for key in self.ended]
        batch.deleted += self.deleted.values()
        batch.cancellations_added += map(Cancellation._make, self.postponed.items())
        batch.cancellations_removed += self.cancelled
        dispatcher.offer(self.tasks.values())
        assignments = dispatcher.assign()
        self.assignments += assignments
        self.released += dispatcher.take_given_back()
        leases = {
            task.key: release_row(task) for task in self.released if task.key not in self.ended
        }
        leases |= {task.key: lease_row(task, worker, self.now) for task, worker in assignments}
        batch.tasks_added += [
            task_row(task, leases.pop(task.key, None), self.now) for task in self.tasks.values()
        ]
        batch.tasks_leased += leases.values()
        if dispatcher.shared:
            self._share(batch, dispatcher)
        return batch

    def _share(self, batch: Batch, dispatcher: Dispatcher) -> None:
        """What is stored only where other servers have the same database."""
        batch.tasks_held += self.held
        self.pulls = dispatcher.pulls()
        batch.tasks_pulled += [
            TaskPull(*pull.offer, tuple(worker.id for worker in pull.workers))
            for pull in self.pulls
        ]

    def payloads(self, dispatcher: Dispatcher) -> dict[TaskKey, Payload]:
        """What the workers of tasks that have recorded values are told from now on."""
        tasks = dispatcher.tasks
        return {
            key: replace(tasks[key].payload, recorded=recorded)
            for key, recorded in self.recorded.items()
            if key in tasks
        }


# What follows from an event beyond its execution. Each takes its own kind of event, which a
# dictionary by type cannot express.
_EFFECTS: Final[dict[type[e.Event], Callable[[Turn, Live, Any], None]]] = {
    e.TaskScheduled: Turn._add_task,  # noqa: SLF001 - its own table
    e.TaskCompleted: Turn._end_task,  # noqa: SLF001
    e.TaskFailed: Turn._end_task,  # noqa: SLF001
    e.TaskWaiting: Turn._end_task,  # noqa: SLF001
    e.TasksWithdrawn: Turn._withdraw,  # noqa: SLF001
    e.ValueRecorded: Turn._remember,  # noqa: SLF001
    e.ChildRequested: Turn._ask,  # noqa: SLF001
    e.FollowUpRequested: Turn._ask,  # noqa: SLF001
    e.ChildrenStopped: Turn._stop_children,  # noqa: SLF001
    e.ChildTimedOut: Turn._stop_child,  # noqa: SLF001
}


def _closing(state: Execution) -> ChildClosed:
    """What the parent of an execution is told when it has closed (semantics 11.1)."""
    return ChildClosed(
        child=state.child,
        status=state.status,
        outputs=state.outputs,
        error=state.error,
        duration=(state.close_time or 0) - state.start_time,
    )
