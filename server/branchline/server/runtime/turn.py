"""One turn: what was decided, what is to be stored for it, and whom to tell afterwards."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from branchline.engine import AnyCommand, Cancel, ChildClosed, Execution, Status
from branchline.engine import events as e
from branchline.engine.values import Variables, encode_text
from branchline.server.dispatch import (
    Assignment,
    CancellationReason,
    Dispatcher,
    PendingTask,
    Pull,
    TaskKey,
    Worker,
)
from branchline.server.dispatch import (
    TaskPayload as Payload,
)
from branchline.server.errors import Reason, ServiceError
from branchline.server.histories import history_rows, snapshot_row
from branchline.server.runtime.live import Change, Live
from branchline.server.runtime.requests import AnyRequest, Order
from branchline.server.statuses import status_number
from branchline.server.storage import (
    Batch,
    ExecutionChange,
    ExecutionRow,
    StatusChange,
    TaskHold,
    TaskLease,
    TaskPayload,
    TaskPull,
    TaskRow,
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
            match event:
                case e.TaskScheduled():
                    self._add_task(live, event)
                case e.TaskCompleted() | e.TaskFailed() | e.TaskWaiting():
                    self._end_task(TaskKey(live.key, event.task))
                case e.TasksWithdrawn():
                    for task in event.tasks:
                        self._end_task(TaskKey(live.key, task))
                case e.ValueRecorded():
                    self._remember(live, event.task)
                case _:
                    self._relate(live, event)
        if live.state.child and live.state.end is not None:
            self._order(live.state.parent, _closing(live.state))

    def _relate(self, live: Live, event: e.Event) -> None:
        """Take what an event asks of other executions."""
        match event:
            case e.ChildRequested() | e.FollowUpRequested():
                self.ask(live)
            case e.ChildrenStopped():
                self._cancel(live, event.executions)
            case e.ChildTimedOut():
                self._cancel(live, (event.execution,))
            case _:
                pass

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

    def _remember(self, live: Live, task: int) -> None:
        """A pending task has recorded a value, which its next delivery shall carry."""
        ref = live.state.tasks.get(task)
        if ref is not None:
            memories = live.state.branches[ref.branch].visit.memories
            self.recorded[TaskKey(live.key, task)] = memories[ref.item].recorded

    def _end_task(self, key: TaskKey) -> None:
        if self.tasks.pop(key, None) is None:
            self.ended[key] = CancellationReason.WITHDRAWN

    def batch(self, dispatcher: Dispatcher) -> Batch:
        """What is to be stored; tasks are assigned to free workers on the way."""
        batch = Batch(time=self.now)
        for change in self.changes.values():
            _store_change(batch, change, self.now)
        batch.tasks_changed += [
            TaskPayload(*key, encode_text(payload))
            for key, payload in self.payloads(dispatcher).items()
        ]
        batch.tasks_removed += [TaskRowKey(*key) for key in self.ended]
        batch.deleted += self.deleted.values()
        dispatcher.offer(self.tasks.values())
        assignments = dispatcher.assign()
        self.assignments += assignments
        self.released += dispatcher.take_given_back()
        leases = {task.key: _release(task) for task in self.released if task.key not in self.ended}
        leases |= {task.key: _lease(task, worker, self.now) for task, worker in assignments}
        batch.tasks_added += [
            _task_row(task, leases.pop(task.key, None), self.now) for task in self.tasks.values()
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


def _closing(state: Execution) -> ChildClosed:
    """What the parent of an execution is told when it has closed (semantics 11.1)."""
    return ChildClosed(
        child=state.child,
        status=state.status,
        outputs=state.outputs,
        error=state.error,
        duration=(state.close_time or 0) - state.start_time,
    )


def _store_change(batch: Batch, change: Change, now: int) -> None:
    live = change.live
    state = live.state
    if change.events:
        rows = history_rows(live.key, state.sequence, now, change.events)
        batch.history += rows
        change.size = sum(len(row.events) for row in rows)
        live.fresh_bytes += change.size
        if live.wants_snapshot and state.end is None:
            snapshot = snapshot_row(live.key, state)
            batch.snapshots.append(snapshot)
            live.snapshot_bytes, live.fresh_bytes = len(snapshot.state), 0
    wake_at = state.timers.next_due() if state.end is None else None
    status = state.status
    if change.started:
        batch.started.append(execution_row(change.live, wake_at, change.request_id))
    elif status.closed or status is not live.status or wake_at != live.wake_at:
        batch.changed.append(
            ExecutionChange(
                live.key, status_number(status), state.close_time, wake_at, *_ending(live)
            )
        )
    # What is due already may have been left for later: it wants to be woken again.
    change.wake_changed = wake_at is not None and (
        change.started or wake_at != live.wake_at or wake_at <= now
    )
    if change.started and status is not Status.RUNNING:
        batch.status_changes.append(StatusChange(live.key, status_number(Status.RUNNING)))
    if change.started or status is not live.status:
        batch.status_changes.append(StatusChange(live.key, status_number(status)))
    live.status, live.wake_at = status, wake_at


def execution_row(live: Live, wake_at: int | None, request_id: str = "") -> ExecutionRow:
    """An execution as its row tells it."""
    state = live.state
    return ExecutionRow(
        live.key,
        state.id,
        state.workflow,
        state.version,
        status_number(state.status),
        state.start_time,
        state.close_time,
        wake_at,
        request_id or None,
        state.parent or None,
        encode_text(state.labels) if state.labels else None,
        *_ending(live),
    )


def _ending(live: Live) -> tuple[str | None, str | None]:
    """The error and the outputs of an execution as they are stored."""
    state = live.state
    error = None if state.error is None else encode_text(state.error)
    completed = state.end is Status.COMPLETED
    return error, encode_text(state.outputs) if completed else None


def _lease(task: PendingTask, worker: Worker, now: int) -> TaskLease:
    return TaskLease(*task.key, worker.id, task.delivery + 1, task.started_at or now, task.losses)


def _release(task: PendingTask) -> TaskLease:
    return TaskLease(*task.key, None, task.delivery, task.started_at, task.losses)


def _task_row(task: PendingTask, lease: TaskLease | None, now: int) -> TaskRow:
    schedule = task.schedule_timeout
    return TaskRow(
        *task.key,
        task.queue,
        task.activity,
        encode_text(task.payload),
        worker=lease.worker if lease else None,
        delivery=lease.delivery if lease else task.delivery,
        schedule_deadline=None if schedule is None else now + schedule,
        attempt_timeout=task.timeout,
        heartbeat_timeout=task.heartbeat_timeout,
        started_at=lease.started_at if lease else None,
    )
