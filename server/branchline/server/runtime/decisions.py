"""How each kind of request is decided within a turn."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

from branchline.engine import (
    AnyCommand,
    BranchEnded,
    Cancel,
    ExecutionClosed,
    Link,
    NotRetryable,
    Plan,
    Refused,
    Retry,
    Signal,
    TaskGone,
    UnknownBranch,
    decide,
    refuse_closed,
    start,
)
from branchline.engine import Wake as WakeCommand
from branchline.engine.values import Variables
from branchline.server.dispatch import Dispatcher, PendingTask, with_progress
from branchline.server.errors import Reason, ServiceError, execution_not_found
from branchline.server.ids import KeyMaker
from branchline.server.ids import execution_id as make_execution_id
from branchline.server.runtime.live import Change, Live, LiveExecutions
from branchline.server.runtime.loading import Loaded
from branchline.server.runtime.requests import (
    AnyRequest,
    CancelChild,
    Command,
    Delete,
    FailLeasedTask,
    ReportOutcome,
    ReportRecord,
    Start,
    Started,
    View,
    Wake,
)
from branchline.server.runtime.turn import Turn
from branchline.server.statuses import status_of

_REASONS: dict[type[Refused], Reason] = {
    BranchEnded: Reason.BRANCH_ENDED,
    ExecutionClosed: Reason.EXECUTION_CLOSED,
    NotRetryable: Reason.NOT_RETRYABLE,
    UnknownBranch: Reason.BRANCH_NOT_FOUND,
}


class Decisions:
    """Turns requests into decided events of a turn, and into answers for after the commit."""

    def __init__(
        self,
        lives: LiveExecutions,
        dispatcher: Dispatcher,
        keys: KeyMaker,
        chance: Callable[[], float],
    ) -> None:
        self._lives = lives
        self._dispatcher = dispatcher
        self._keys = keys
        self._chance = chance

    def take(self, turn: Turn, request: AnyRequest, loaded: Loaded) -> None:
        """Decide on a request."""
        turn.origin = request
        match request:
            case ReportOutcome():
                self._report(turn, request)
            case ReportRecord():
                self._record(turn, request)
            case Start():
                self._start(turn, request, loaded)
            case Command():
                self._command(turn, request, loaded)
            case CancelChild():
                self._cancel_child(turn, request)
            case View():
                self._view(request, loaded)
            case Wake():
                self._wake(turn, request)
            case FailLeasedTask():
                self._fail_task(turn, request)
            case Delete():
                self._delete(turn, request, loaded)

    def decide(self, turn: Turn, live: Live, command: AnyCommand) -> None:
        """Have the engine decide. Raises ``Refused``."""
        try:
            events = decide(live.plan, live.state, command, turn.now, self._chance())
        except Refused:
            raise
        except Exception:
            # The state may be half changed: it is read again when it is needed.
            self._lives.drop(live)
            raise
        if events:
            turn.record(live, with_progress(events, self._dispatcher.progress.of(live.key)))

    def _start(self, turn: Turn, request: Start, loaded: Loaded) -> None:
        existing = self._existing(turn, request, loaded)
        if existing is not None:
            turn.answer(partial(self._answer_repeated, request, existing), request.reply.fail)
            return
        change = self.begin(
            turn,
            request.plan,
            request.inputs,
            execution_id=request.execution_id,
            timeout=request.timeout,
            labels=request.labels,
        )
        state = change.live.state
        turn.started[state.id] = change
        if request.request_id:
            change.request_id = request.request_id
            turn.requests[state.workflow, request.request_id] = change
        started = Started(state.id, state.version, created=True)
        turn.answer(partial(request.reply.succeed, started), request.reply.fail)

    def begin(
        self,
        turn: Turn,
        plan: Plan,
        inputs: Variables,
        *,
        execution_id: str = "",
        timeout: int | None = None,
        labels: dict[str, str] | None = None,
        link: Link | None = None,
    ) -> Change:
        """Start an execution, for a caller or, with a link, for another execution."""
        key = self._keys.make(turn.now)
        new_id = execution_id or make_execution_id(key)
        state, events = start(plan, new_id, inputs, turn.now, timeout, labels=labels, link=link)
        live = Live(key, plan, state)
        live.stored = 0
        change = turn.change(live)
        change.started = True
        turn.record(live, events)
        self._lives.add(live)
        return change

    def _existing(self, turn: Turn, request: Start, loaded: Loaded) -> tuple[str, int, bool] | None:
        """The execution in the way of a start: its id, version, and if the start is its own."""
        workflow = request.plan.workflow.name
        same = turn.requests.get((workflow, request.request_id))
        if same is not None:
            return same.live.state.id, same.live.state.version, True
        other = turn.started.get(request.execution_id)
        if other is not None:
            return request.execution_id, other.live.state.version, False
        row = loaded.requests.get((workflow, request.request_id))
        if row is not None:
            return row.id, row.version, True
        row = loaded.rows.get(request.execution_id)
        return None if row is None else (row.id, row.version, False)

    @staticmethod
    def _answer_repeated(request: Start, existing: tuple[str, int, bool]) -> None:
        found, version, own = existing
        if own:
            request.reply.succeed(Started(found, version, created=False))
            return
        message = f'the execution id "{found}" is in use; choose another'
        request.reply.fail(ServiceError(Reason.EXECUTION_EXISTS, message))

    def _command(self, turn: Turn, request: Command, loaded: Loaded) -> None:
        reply = request.reply
        try:
            self._decide_command(turn, request, loaded)
        except Refused as refused:
            error = ServiceError(_REASONS[type(refused)], str(refused))
            turn.answer(partial(reply.fail, error), reply.fail)
        except ServiceError as error:
            turn.answer(partial(reply.fail, error), reply.fail)
        else:
            turn.answer(partial(reply.succeed, None), reply.fail)

    def _decide_command(self, turn: Turn, request: Command, loaded: Loaded) -> None:
        wanted, command = request.execution_id, request.command
        live, closed, row = (
            self._lives.by_id(wanted),
            loaded.closed.get(wanted),
            loaded.rows.get(wanted),
        )
        if wanted in turn.deleted or (live is None and row is None):
            raise execution_not_found(wanted)
        if live is not None:
            self.decide(turn, live, command)
        elif closed is not None and isinstance(command, Retry):
            self.decide(turn, closed, command)
            self._lives.add(closed)
        elif closed is None or not _is_known_signal(closed, command):
            refuse_closed(status_of(row.status if row else 0), command)

    def _cancel_child(self, turn: Turn, request: CancelChild) -> None:
        live = self._lives.by_id(request.execution_id)
        if live is not None:
            with contextlib.suppress(Refused):  # This very turn has closed it.
                self.decide(turn, live, Cancel(reason=request.reason))
        turn.cancelled.append(request.execution_id)
        turn.answer(partial(request.reply.succeed, None), request.reply.fail)

    def _view(self, request: View[Any], loaded: Loaded) -> None:
        live = self._lives.by_id(request.execution_id) or loaded.closed.get(request.execution_id)
        if live is None:
            request.reply.fail(execution_not_found(request.execution_id))
        else:
            request.reply.succeed(request.look(live))

    def _wake(self, turn: Turn, request: Wake) -> None:
        live = self._lives.by_id(request.execution_id)
        if live is not None:
            self.decide(turn, live, WakeCommand())
            if live.state.requests:
                turn.ask(live)
            turn.tell_lost(lambda _: request.lost())

    def _report(self, turn: Turn, request: ReportOutcome) -> None:
        try:
            task = self._dispatcher.report(request.token)
            turn.take_back(lambda: self._dispatcher.unreport(task))
            if request.command is None:
                self._dispatcher.release(task)
                if not self._dispatcher.shared:
                    turn.released.append(task)
            else:
                self._end_task(turn, task, request.command)
        except ServiceError as error:
            # What it rests on may be of this very turn, and is not stored yet.
            turn.answer(partial(request.answer, error), request.answer)
        else:
            turn.answer(partial(request.answer, None), request.answer)

    def _record(self, turn: Turn, request: ReportRecord) -> None:
        task = self._dispatcher.heartbeat(request.token)
        live = self._lives.by_key(request.token.execution_key)
        try:
            if task is None or live is None:
                raise TaskGone
            turn.hold(task)
            self.decide(turn, live, request.command)
        except Refused:
            message = "the task's lease has ended; the value is not recorded"
            error = ServiceError(Reason.LEASE_LOST, message)
            # What it rests on may be of this very turn, and is not stored yet.
            turn.answer(partial(request.answer, error), request.answer)
        else:
            turn.answer(partial(request.answer, None), request.answer)

    def _end_task(self, turn: Turn, task: PendingTask, command: AnyCommand) -> None:
        live = self._lives.by_key(task.key.execution_key)
        try:
            if live is None:
                raise TaskGone
            turn.hold(task)
            self.decide(turn, live, command)
        except Refused as error:
            turn.on_stored.append(lambda: self._dispatcher.remove(task.key))
            message = "the execution does not want the task's outcome any more"
            raise ServiceError(Reason.LEASE_LOST, message) from error

    def _fail_task(self, turn: Turn, request: FailLeasedTask) -> None:
        live = self._lives.by_key(request.task.key.execution_key)
        if request.task.gone or request.task.reported:
            return
        try:
            if live is None:
                raise TaskGone
            turn.hold(request.task, leased=request.task.key in self._dispatcher.tasks)
            self.decide(turn, live, request.command)
        except Refused:
            turn.on_stored.append(lambda: self._dispatcher.remove(request.task.key))
            return
        turn.mark_timed_out(request.task.key)
        turn.tell_lost(lambda _: request.lost())

    def _delete(self, turn: Turn, request: Delete, loaded: Loaded) -> None:
        wanted = request.execution_id
        live, row = self._lives.by_id(wanted), loaded.rows.get(wanted)
        if wanted in turn.deleted or (live is None and row is None):
            error = execution_not_found(wanted)
            turn.answer(partial(request.reply.fail, error), request.reply.fail)
        elif live is not None and request.takes(live.state.close_time):
            # This very turn has closed it.
            self._remove(turn, request, live.key)
        elif live is None and row is not None and request.takes(row.close_time):
            self._remove(turn, request, row.key)
        else:
            message = f'the execution "{wanted}" is still live; cancel it first'
            error = ServiceError(Reason.EXECUTION_LIVE, message)
            turn.answer(partial(request.reply.fail, error), request.reply.fail)

    @staticmethod
    def _remove(turn: Turn, request: Delete, key: int) -> None:
        turn.deleted[request.execution_id] = key
        turn.answer(partial(request.reply.succeed, None), request.reply.fail)


def _is_known_signal(closed: Live, command: AnyCommand) -> bool:
    """Whether an execution has taken a signal already that is sent again (semantics 10.1)."""
    return isinstance(command, Signal) and command.signal_id in closed.state.signal_ids
