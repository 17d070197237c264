"""The runtime: drain, load, decide, commit, tell; and again.

While a commit is under way the next turn fills up, so that one fsync serves one command when
it is quiet and hundreds when it is busy. Whatever is told to anybody is stored before.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from branchline.server.catalog import Catalog
from branchline.server.clock import Clock
from branchline.server.dispatch import Dispatcher, TaskKey, TaskToken
from branchline.server.errors import (
    Reason,
    ServiceError,
    contended,
    internal,
    shutting_down,
    store_unavailable,
)
from branchline.server.ids import KeyMaker
from branchline.server.recurring import Recurring
from branchline.server.runtime.decisions import Decisions
from branchline.server.runtime.following import Following
from branchline.server.runtime.inbox import Inbox, Room
from branchline.server.runtime.live import Change, LiveExecutions
from branchline.server.runtime.loading import Loaded, Loader
from branchline.server.runtime.requests import (
    AnyRequest,
    CancelChild,
    Command,
    Delete,
    FailLeasedTask,
    ReportOutcome,
    ReportRecord,
    Start,
    View,
    Wake,
    refuse,
)
from branchline.server.runtime.sharing import Alone, Sharing
from branchline.server.runtime.turn import Turn
from branchline.server.storage import CommitUnknown, Conflict, Store, StoreError, TaskRow, TasksLost
from branchline.server.tasks import pending_task

log = structlog.get_logger(__name__)

MOST_PER_TURN = 250
"""How many requests one turn takes, so that none waits long for its commit, and none that comes
meanwhile for the event loop: gRPC lets in only a few calls each time that it gets its turn. More
at a time would not cost less."""

_MOST_CONFLICTS = 50
"""After so many turns in a row that another server was faster with, requests are refused."""

_RETRY = 0.5
"""Seconds after which tasks are assigned again when their leases could not be stored."""

Stored = Callable[[Change, int], None]
"""Told of every change that is durable: the change and its time."""


class Runtime:
    """Owns the executions in memory and the loop that moves them."""

    def __init__(
        self,
        store: Store,
        loader: Loader,
        catalog: Catalog,
        lives: LiveExecutions,
        dispatcher: Dispatcher,
        clock: Clock,
        room: Room,
    ) -> None:
        self._store = store
        self._loader = loader
        self._lives = lives
        self._dispatcher = dispatcher
        self._clock = clock
        self.sharing: Sharing = Alone()
        """The other servers of the database."""
        self._decisions = Decisions(lives, dispatcher, KeyMaker(), random.random)
        self._following = Following(self._decisions, loader, lives, catalog)
        self._inbox = Inbox(room)
        self._wanted = asyncio.Event()
        self._stopping = False
        self._conflicts = 0
        """How many turns in a row could not be stored because somebody else was first."""
        self._loading = Recurring(log, "loading", clock.monotonic)
        self._committing = Recurring(log, "commit", clock.monotonic)
        self.on_stored: list[Stored] = []
        self.on_deleted: list[Callable[[str], None]] = []
        self.postponed: Callable[[], None] = _nobody_listens
        """Called when a turn has left children to be cancelled later."""

    def check(self) -> None:
        """Raise ``ServiceError`` when there is no room for what callers want."""
        if self._stopping:
            raise shutting_down()
        self._inbox.check()

    def submit(self, request: Start | Command | Delete) -> None:
        """Take in what a caller wants. Raises ``ServiceError`` when there is no room."""
        if self._stopping:
            raise shutting_down()
        self._inbox.add(request)
        self._wanted.set()

    def submit_urgent(
        self,
        request: ReportOutcome | ReportRecord | FailLeasedTask | Wake | CancelChild | View[Any],
    ) -> None:
        """Take in what must not wait behind callers. Raises ``ServiceError`` when stopping."""
        if self._stopping:
            raise shutting_down()
        if isinstance(request, ReportOutcome) and not self._may_be_pending(request.token):
            message = "the task's lease has ended, or it has an outcome already"
            request.answer(ServiceError(Reason.LEASE_LOST, message))
            return
        self._inbox.add_urgent(request)
        self._wanted.set()

    def poke(self) -> None:
        """Have a turn soon: tasks and workers may have come together."""
        self._wanted.set()

    def has_live(self, execution_id: str) -> bool:
        """Whether an execution is in memory; it is live then, or about to be stored closed.

        Not one that another server has changed meanwhile, which may be closed.
        """
        live = self._lives.by_id(execution_id)
        return live is not None and not live.rumours

    async def run(self) -> None:
        """Turn until ``stop``, and until everything taken in is done."""
        while not self._stopping or self._inbox:
            await self._wanted.wait()
            self._wanted.clear()
            await self.turn()
            if self._inbox:
                self._wanted.set()

    def stop(self) -> None:
        """Take in nothing more; ``run`` ends when the rest is done."""
        self._stopping = True
        self._wanted.set()

    def abort(self) -> None:
        """Refuse everything, now and from now on: the loop has died."""
        self._stopping = True
        _refuse_all(self._inbox.clear(), internal())

    def _may_be_pending(self, token: TaskToken) -> bool:
        key = TaskKey(token.execution_key, token.task)
        return self._dispatcher.shared or key in self._dispatcher.tasks

    async def turn(self) -> int:
        """One turn. Returns how many requests it has taken."""
        await self.sharing.settle()
        requests = self._inbox.take(max(MOST_PER_TURN >> self._conflicts, 1))
        await self._take(requests)
        self._lives.trim()
        return len(requests)

    async def _take(self, requests: list[AnyRequest]) -> None:
        try:
            loaded = await self._loader.load(requests)
        except StoreError as error:
            self._loading.failed(error, requests=len(requests))
            _refuse_all(requests, store_unavailable(error))
        except ServiceError as error:
            self._loading.failed(error.message, requests=len(requests))
            _refuse_all(requests, error)
        except Exception:
            # A fault of ours, or a history that cannot be read. Each alone: only the one that
            # has the fault shall suffer.
            if len(requests) == 1:
                log.exception("loading failed", request=type(requests[0]).__name__)
                self._give_up(requests[0])
            else:
                for request in requests:
                    await self._take([request])
        else:
            self._loading.succeeded()
            turn = Turn(self._clock.now())
            if (
                self._decide(turn, requests, loaded)
                and await self._follow(turn)
                and await self._confirm(turn, requests)
            ):
                await self._commit(turn, requests)

    def _decide(self, turn: Turn, requests: list[AnyRequest], loaded: Loaded) -> bool:
        # Reads come first: the states in memory are as they are stored only until something
        # is decided.
        ordered = sorted(requests, key=lambda request: not isinstance(request, View))
        for place, request in enumerate(ordered):
            try:
                self._decisions.take(turn, request, loaded)
            except Exception as error:
                # A fault of ours. Its request alone is refused for good; what else the turn
                # has decided may rest on a state that is half changed.
                log.exception("deciding failed", request=type(request).__name__)
                self._forget(turn, store_unavailable(error))
                self._give_up(request)
                self._inbox.put_back(ordered[place + 1 :])
                return False
        return True

    async def _follow(self, turn: Turn) -> bool:
        """Decide what follows for other executions; whether the turn can be stored."""
        if not turn.orders and not turn.asking:
            return True
        try:
            await self._following.follow(turn)
        except StoreError as error:
            self._forget(turn, store_unavailable(error))
        except ServiceError as error:
            self._forget(turn, error)
        except Exception as error:
            # A fault of ours, or a history that cannot be read: as in ``_decide``.
            log.exception("deciding what follows failed", request=type(turn.origin).__name__)
            self._forget(turn, store_unavailable(error), but=turn.origin)
            if turn.origin is not None:
                self._give_up(turn.origin)
        else:
            return True
        return False

    async def _confirm(self, turn: Turn, requests: list[AnyRequest]) -> bool:
        """Whether the decisions rest on what is stored, as far as the commit will not find out."""
        try:
            if await self.sharing.confirm(turn):
                return True
        except StoreError as error:
            self._forget(turn, store_unavailable(error))
        else:
            self._decide_again(turn, requests)
        return False

    async def _commit(self, turn: Turn, requests: list[AnyRequest]) -> None:
        try:
            batch = turn.batch(self._dispatcher)
            batch.notes += self.sharing.notes(turn)
            pulled = await self._store.commit(batch)
        except Conflict as error:
            log.debug("decided again", reason=str(error), requests=len(requests))
            self._decide_again(turn, requests)
        except TasksLost as error:
            self._lose_tasks({TaskKey(*key) for key in error.tasks}, turn, requests)
            self._decide_again(turn, requests)
        except StoreError as error:
            if isinstance(error, CommitUnknown):
                self.sharing.suspect()
            self._committing.failed(error, executions=len(turn.changes))
            self._forget(turn, store_unavailable(error))
        except Exception:
            # A fault of ours, such as a number that no row can hold; all others go on.
            log.exception("storing failed", executions=len(turn.changes))
            self._forget(turn, internal())
        else:
            self._conflicts = 0
            if batch:
                self._committing.succeeded()
            self._tell(turn, pulled)

    def _lose_tasks(self, lost: set[TaskKey], turn: Turn, requests: list[AnyRequest]) -> None:
        """Other servers have tasks that requests rest on."""
        for hold in turn.held:
            key = TaskKey(hold.key, hold.task)
            task = self._dispatcher.tasks.get(key)
            # Another delivery of it may be this server's nevertheless.
            if key in lost and task is not None and task.delivery == hold.delivery:
                self._dispatcher.forget(key)
        for request in requests:
            if isinstance(request, FailLeasedTask) and request.task.key in lost:
                request.task.gone = True  # It may not have been this server's at all.

    def _decide_again(self, turn: Turn, requests: list[AnyRequest]) -> None:
        """Somebody else was first: take the same requests again, on what is stored by now.

        Ever fewer at a time, so that one of which this happens often does not hold up others.
        """
        self._undo(turn)
        turn.undo()
        self._conflicts += 1
        again = [request for request in requests if not isinstance(request, View)]
        if self._conflicts > _MOST_CONFLICTS:
            self._conflicts = 0
            log.warning("too many conflicts", requests=len(again))
            _refuse_all(again, contended())
        else:
            self._inbox.put_back(again)

    def _tell(self, turn: Turn, pulled: list[TaskRow]) -> None:
        for task_key, payload in turn.payloads(self._dispatcher).items():
            self._dispatcher.tasks[task_key].payload = payload
        for key, reason in turn.ended.items():
            self._dispatcher.remove(key, reason)
        self._dispatcher.deliver(turn.assignments)
        self._dispatcher.pulled(turn.pulls, map(pending_task, pulled))
        for change in turn.changes.values():
            change.live.stored = change.live.state.sequence
            self._lives.settle(change.live)
            for stored in self.on_stored:
                stored(change, turn.now)
        for execution_id in turn.deleted:
            for deleted in self.on_deleted:
                deleted(execution_id)
        for answer in turn.on_stored:
            answer()
        if turn.postponed:
            self.postponed()
        if self._dispatcher.has_work or (turn.ended and self._dispatcher.ready_count):
            self.poke()  # What has ended makes room for what waits.

    def _give_up(self, request: AnyRequest) -> None:
        """Refuse a request over which the server itself has fallen.

        Its worker may not report a second time, so a task goes back to wait for another.
        """
        refuse(request, internal())
        if isinstance(request, ReportOutcome):
            token = request.token
            task = self._dispatcher.tasks.get(TaskKey(token.execution_key, token.task))
            if task is not None and task.delivery == token.delivery:
                task.losses += 1
                self._dispatcher.release(task)
                self.poke()

    def _forget(self, turn: Turn, error: ServiceError, *, but: AnyRequest | None = None) -> None:
        """Nothing was stored: what is in memory is wrong and is read again when needed.

        Everybody is told so but whoever made one request, who is told something else.
        """
        self._undo(turn)
        turn.lose(error, but=but)
        if turn.assignments or turn.pulls:
            asyncio.get_running_loop().call_later(_RETRY, self.poke)

    def _undo(self, turn: Turn) -> None:
        """Forget what is not stored."""
        self._dispatcher.retract(turn.tasks.values())
        self._dispatcher.unassign(turn.assignments)
        self._dispatcher.not_pulled(turn.pulls)
        self._dispatcher.keep_given_back(turn.released)
        for change in turn.changes.values():
            self._lives.drop(change.live)


def _nobody_listens() -> None:
    """They are cancelled by the next server."""


def _refuse_all(requests: Sequence[AnyRequest], error: ServiceError) -> None:
    for request in requests:
        refuse(request, error)
