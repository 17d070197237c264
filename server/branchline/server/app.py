"""Puts the server together, starts it, and takes it down in order."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Protocol, Self

import structlog

from branchline.server.backlog import Backlog
from branchline.server.cancellations import Cancellations
from branchline.server.catalog import Catalog
from branchline.server.clock import Clock, SystemClock
from branchline.server.closings import Closings
from branchline.server.cluster import Cluster, Hearing, Overdue, Relay, Timekeeper
from branchline.server.dispatch import Dispatcher, SharedDispatcher, TokenMaker
from branchline.server.errors import ServiceError
from branchline.server.executions import Executions
from branchline.server.far_closings import FarClosings
from branchline.server.retention import Retention
from branchline.server.rpc.checks import Limits
from branchline.server.rpc.executions import Executions as ExecutionsRpc
from branchline.server.rpc.outcomes import OutcomeReader
from branchline.server.rpc.server import RpcServer
from branchline.server.rpc.tasks import Tasks as TasksRpc
from branchline.server.rpc.workflows import Workflows as WorkflowsRpc
from branchline.server.runtime import LiveExecutions, Loader, Room, Runtime, Wake
from branchline.server.runtime.live import Change
from branchline.server.runtime.rows import execution_row
from branchline.server.settings import Settings
from branchline.server.status_feed import StatusFeed
from branchline.server.status_retention import StatusRetention
from branchline.server.step_visits import VisitReader
from branchline.server.storage import Peers, SqliteOptions, Store, StoreError
from branchline.server.subscriptions import Chunk, Subscriptions
from branchline.server.timers import Timers
from branchline.server.watchdog import Watchdog
from branchline.server.workers import Workers

log = structlog.get_logger(__name__)


class Loop(Protocol):
    """A part of the server that runs until it is cancelled."""

    async def run(self) -> None:
        """Run."""
        ...


class Api(Protocol):
    """What callers and workers connect to."""

    async def start(self, address: str) -> int:
        """Serve at an address. Returns the port. Raises ``CannotListen``."""
        ...

    async def stop_serving(self) -> None:
        """Tell health checks that the server is going down."""
        ...

    async def stop(self, grace: float) -> None:
        """Take no new calls and end after those under way, at most so many seconds later."""
        ...


class App:
    """A server: ``async with App(settings) as app`` serves until the context ends."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.port = 0
        """The port that it serves at."""
        self._clock = clock or SystemClock()
        self._tasks: list[asyncio.Task[None]] = []
        self._cluster: Cluster | None = None
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when a part of the server has ended that must not."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the database, take up what was under way, and serve.

        Raises ``CannotOpen`` and ``CannotListen``.
        """
        self._store = await self.open_store()
        try:
            await self._set_clock()
            self._build()
            if self._cluster is None:
                await self._backlog.restore()
            else:
                await self._cluster.start()
            self.port = await self._rpc.start(self.settings.listen)
        except BaseException:
            await self._store.close()
            raise
        self._start_loops()
        log.info("serving", address=self.settings.listen, port=self.port)

    async def open_store(self) -> Store:
        """What it keeps everything in; raises ``CannotOpen``."""
        options = SqliteOptions(
            synchronous=self.settings.synchronous, log_mib=self.settings.sqlite_log
        )
        return await Store.open(self.settings.database_url, sqlite=options)

    def make_api(self, workflows: WorkflowsRpc, executions: ExecutionsRpc, tasks: TasksRpc) -> Api:
        """What it serves callers and workers with."""
        return RpcServer(workflows, executions, tasks, self.settings.max_message)

    async def stop(self) -> None:
        """Take in nothing more, finish what was taken in, end all streams, close the database."""
        log.info("stopping")
        await self._rpc.stop_serving()
        self._workers.close()
        self._subscriptions.close()
        self._closings.end()
        self._feed.close()
        stopping = asyncio.create_task(self._rpc.stop(self.settings.shutdown_grace))
        self._runtime.stop()
        await asyncio.wait(self._tasks[:1])
        await stopping
        if not self.failed.done():
            await self._runtime.turn()  # What streams did not get sent is stored as waiting.
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._cluster is not None:
            with contextlib.suppress(StoreError):  # the others find out by themselves
                await self._cluster.stop()
        await self._store.close()
        log.info("stopped")

    async def _set_clock(self) -> None:
        """Servers that share a database tell its time."""
        if self._store.peers is not None and isinstance(self._clock, SystemClock):
            self._clock.anchor(await self._store.peers.now())

    def _build(self) -> None:
        settings, clock = self.settings, self._clock
        tokens = TokenMaker(self._store.database_id)
        catalog = Catalog(self._store, clock)
        lives = LiveExecutions(settings.cached_dormant, settings.cached_running)
        peers = self._store.peers
        kind = Dispatcher if peers is None else SharedDispatcher
        dispatcher = kind(clock, tokens, settings.lease)
        loader = Loader(self._store, catalog, lives)
        self._subscriptions = Subscriptions()
        self._closings = Closings()
        room = Room(settings.max_inbox, settings.max_inbox_bytes)
        self._runtime = Runtime(self._store, loader, catalog, lives, dispatcher, clock, room)
        self._timers = Timers(self._store, clock, self._wake)
        self._watchdog = Watchdog(
            dispatcher,
            clock,
            self._runtime.submit_urgent,
            self._runtime.poke,
            settings.max_deliveries,
        )
        self._backlog = Backlog(self._store, dispatcher, self._runtime.poke)
        self._loops: list[Loop] = [self._runtime, self._timers, self._watchdog]
        self._workers = Workers(dispatcher, self._runtime, self._subscriptions, clock)
        self._runtime.on_stored.append(self._stored)
        self._runtime.on_deleted.append(self._subscriptions.publish_deletion)
        self._feed = StatusFeed(self._store)
        self._cancellations = Cancellations(self._store, self._runtime.submit_urgent)
        self._runtime.postponed = self._cancellations.noted
        self._loops.append(self._cancellations)
        self._loops.append(StatusRetention(self._store, clock, settings.status_changes_kept))
        if peers is not None and isinstance(dispatcher, SharedDispatcher):
            self._share(peers, dispatcher, lives, loader)
        else:
            self._loops.append(self._backlog)
        self._build_api(catalog, dispatcher, tokens)

    def _build_api(self, catalog: Catalog, dispatcher: Dispatcher, tokens: TokenMaker) -> None:
        """What callers and workers meet."""
        settings = self.settings
        executions = Executions(
            self._store, catalog, self._runtime, self._subscriptions, self._closings, self._feed
        )
        self.retention = Retention(
            self._store, executions.delete, self._clock, settings.retention_rules()
        )
        self._loops.append(self.retention)
        visits = VisitReader(self._store, catalog, dispatcher.progress)
        limits = Limits(settings.max_payload)
        outcomes = OutcomeReader(self._workers, tokens, limits)
        self._rpc = self.make_api(
            WorkflowsRpc(catalog, settings.max_payload),
            ExecutionsRpc(executions, visits, dispatcher, limits),
            TasksRpc(self._workers, outcomes),
        )

    def _share(
        self, peers: Peers, dispatcher: SharedDispatcher, lives: LiveExecutions, loader: Loader
    ) -> None:
        """Bring what is here in step with the other servers of the database."""
        self._far_closings = FarClosings(self._store, self._closings)
        hearing = Hearing(
            changed=self._changed_elsewhere,
            deleted=self._subscriptions.publish_deletion,
            statuses=self._store.tell_status_changes,
            said=self._subscriptions.publish_progress,
            look=self._look,
            poke=self._runtime.poke,
        )
        cluster = self._cluster = Cluster(
            self._store, peers, dispatcher, lives, hearing, self._workers.reset
        )
        if isinstance(self._clock, SystemClock):
            cluster.keeper = Timekeeper(self._clock)
        overdue = Overdue(peers, self._clock, cluster.owns, self._runtime.submit_urgent)
        self._runtime.sharing = cluster
        loader.refresh = cluster.refresh
        self._workers.adopt = cluster.adopt
        self._workers.find = cluster.find
        self._timers.owns = cluster.owns
        self._cancellations.owns = cluster.owns
        relay = Relay(peers, cluster.has_others, lambda key: key in dispatcher.tasks)
        self._workers.relay = relay.tell
        self._loops += [cluster, overdue, relay, self._far_closings]

    def _look(self) -> None:
        """A server has come or gone, or notes were missed."""
        self._timers.look()
        self._cancellations.look()
        self._subscriptions.stir_all()
        self._far_closings.look(self._closings.awaited)

    def _changed_elsewhere(self, execution_id: str) -> None:
        self._subscriptions.stir(execution_id)
        self._far_closings.look((execution_id,))

    def _start_loops(self) -> None:
        for loop in self._loops:
            task = asyncio.create_task(loop.run(), name=type(loop).__name__)
            task.add_done_callback(self._loop_ended)
            self._tasks.append(task)

    def _loop_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        log.error("a part of the server failed", part=task.get_name(), exc_info=task.exception())
        self._runtime.abort()
        if not self.failed.done():
            self.failed.set_result(None)

    def _wake(self, execution_id: str) -> None:
        # A server that is going down refuses; the due time is in the database for the next.
        with contextlib.suppress(ServiceError):
            self._runtime.submit_urgent(
                Wake(execution_id, lambda: self._timers.again(execution_id))
            )

    def _stored(self, change: Change, time: int) -> None:
        live = change.live
        if change.wake_changed and live.wake_at is not None:
            self._timers.schedule(live.wake_at, live.state.id)
        if change.events:
            first = live.state.sequence - len(change.events) + 1
            chunk = Chunk(first, time, change.events, change.size)
            self._subscriptions.publish(live.state.id, chunk)
        if live.state.end is not None and self._closings.is_awaited(live.state.id):
            self._closings.publish(execution_row(live, None))
