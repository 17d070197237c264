"""Executions as callers see them: starting, acting, looking, waiting, watching."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from branchline.engine import AnyCommand
from branchline.engine.inputs import InvalidInputs, bind_inputs
from branchline.engine.values import Variables
from branchline.server.awaiting import Awaiting
from branchline.server.catalog import Catalog
from branchline.server.closings import Closings, ClosingWatch
from branchline.server.errors import Reason, ServiceError, Violation, execution_not_found
from branchline.server.histories import numbered_events
from branchline.server.reading import guarded
from branchline.server.runtime import Command, Delete, Live, Runtime, Start, Started, View
from branchline.server.status_feed import StatusFeed
from branchline.server.status_watching import StatusNews, watch_statuses
from branchline.server.statuses import is_closed
from branchline.server.storage import ExecutionFilter, ExecutionRow, HistoryRow, Store
from branchline.server.subscriptions import Subscriptions
from branchline.server.watching import News, NumberedEvent, follow

T = TypeVar("T")

_ROWS_A_READ = 200

_BYTES_A_READ = 2 * 1024 * 1024
"""About how much of a history is in memory for one reader, unless a single row is larger."""


class StartOrder(NamedTuple):
    """What a caller wants started."""

    workflow: str
    version: int
    execution_id: str
    request_id: str
    inputs: Variables
    labels: Mapping[str, str] = MappingProxyType({})
    timeout: int | None = None
    """How long it may live, in microseconds; None: as its workflow says (semantics 4.12)."""


class Executions:
    """Everything that may be asked of executions. All methods raise ``ServiceError``."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        runtime: Runtime,
        subscriptions: Subscriptions,
        closings: Closings,
        feed: StatusFeed,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._runtime = runtime
        self._subscriptions = subscriptions
        self._closings = closings
        self._feed = feed

    def check_room(self) -> None:
        """Raise ``ServiceError`` when nothing could be taken in: cheaper than to look at it."""
        self._runtime.check()

    async def start(self, order: StartOrder) -> Started:
        """Start an execution (semantics 4.1-4.3)."""
        plan = self._catalog.known_plan(order.workflow, order.version)
        if plan is None:
            plan = await self._catalog.plan(order.workflow, order.version)
        try:
            inputs = bind_inputs(plan.workflow, order.inputs)
        except InvalidInputs as error:
            # What a start said the first time counts, also under a version that it did not know.
            earlier = await self._started_before(order)
            if earlier is None:
                raise _invalid_inputs(error) from error
            return earlier
        request = Start(
            plan,
            inputs,
            order.execution_id,
            order.request_id,
            labels=dict(order.labels),
            timeout=order.timeout,
        )
        self._runtime.submit(request)
        return await request.reply.future

    async def _started_before(self, order: StartOrder) -> Started | None:
        if not order.request_id:
            return None
        asked = [(order.workflow, order.request_id)]
        rows = await guarded(self._store.executions_by_request(asked))
        return Started(rows[0].id, rows[0].version, created=False) if rows else None

    async def command(self, execution_id: str, command: AnyCommand) -> None:
        """Have a command decided and stored."""
        request = Command(execution_id, command)
        self._runtime.submit(request)
        await request.reply.future

    async def delete(self, execution_id: str, *, closed_before: int | None = None) -> None:
        """Remove a closed execution (semantics 4.10), or only one that closed before a time."""
        request = Delete(execution_id, closed_before)
        self._runtime.submit(request)
        await request.reply.future

    async def view(self, execution_id: str, look: Callable[[Live], T]) -> T:
        """What somebody sees of an execution's state as it is stored."""
        request = View(execution_id, look)
        self._runtime.submit_urgent(request)
        return await request.reply.future

    async def leased_tasks(self, execution_id: str) -> set[int] | None:
        """The tasks that workers have; None where this server itself knows."""
        if self._store.peers is None:
            return None
        row = await self.row(execution_id)
        tasks = await guarded(self._store.tasks_of(row.key))
        return {task.task for task in tasks if task.worker is not None}

    async def row(self, execution_id: str) -> ExecutionRow:
        """An execution's row."""
        rows = await guarded(self._store.executions_by_id([execution_id]))
        if not rows:
            raise execution_not_found(execution_id)
        return rows[0]

    async def wait_for_close(self, execution_id: str, seconds: float) -> ExecutionRow:
        """An execution's row once it has closed, or when the time is over."""
        with self._closings.watch() as watch:
            watch.add((execution_id,))
            if not self._runtime.has_live(execution_id):
                row = await self.row(execution_id)
                if is_closed(row.status):
                    return row
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    return await self._next_close(watch, execution_id)
            return await self.row(execution_id)

    async def _next_close(self, watch: ClosingWatch, execution_id: str) -> ExecutionRow:
        while True:
            await watch.changed()
            rows = watch.take().rows
            if rows:
                return rows[0]
            watch.add((execution_id,))
            row = await self.row(execution_id)
            if is_closed(row.status):
                return row

    @contextmanager
    def awaiting(self) -> Iterator[Awaiting]:
        """Wait for many to close."""
        with self._closings.watch() as watch:
            yield Awaiting(self._store, self._runtime, watch)

    async def find(
        self, wanted: ExecutionFilter, before_key: int | None, limit: int
    ) -> list[ExecutionRow]:
        """Executions, the newest first (semantics 12.5)."""
        return await guarded(
            self._store.list_executions(wanted, before_key=before_key, limit=limit)
        )

    async def count(self, wanted: ExecutionFilter) -> dict[int, int]:
        """How many executions there are of each status; one without any is left out."""
        return await guarded(self._store.count_executions(wanted))

    async def events(
        self, execution_id: str, after: int, limit: int
    ) -> tuple[list[NumberedEvent], bool]:
        """Stored events after a number, and whether there may be more behind them.

        They are at most ``limit``, and fewer where they are large.
        """
        row = await self.row(execution_id)
        events: list[NumberedEvent] = []
        size = 0
        while len(events) <= limit and size < _BYTES_A_READ:
            rows = await self._rows(row.key, after)
            if not rows:
                return events, False
            events += _behind(rows, after)
            after = rows[-1].last_sequence
            size += sum(len(row.events) for row in rows)
        return events[:limit], True

    async def watch(self, execution_id: str, after: int) -> AsyncIterator[News]:
        """What happens after a number, stored events first, until it has closed (12.2)."""
        with self._subscriptions.watch(execution_id) as watcher:
            row = await self.row(execution_id)
            try:
                async for news in follow(row.key, after, watcher, self._stored):
                    yield news
            except ServiceError as error:
                if error.reason is Reason.SEQUENCE_OUT_OF_RANGE:
                    await self.row(execution_id)  # it may have been deleted a moment ago
                raise

    def watch_all(self, wanted: ExecutionFilter, after: int) -> AsyncIterator[StatusNews]:
        """How executions stand, and every change of it after a position (12.3)."""
        return watch_statuses(self._store, self._feed, wanted, after)

    async def _stored(self, key: int, after: int) -> list[NumberedEvent]:
        return _behind(await self._rows(key, after), after)

    async def _rows(self, key: int, after: int) -> list[HistoryRow]:
        return await guarded(self._store.history(key, after, _ROWS_A_READ, _BYTES_A_READ))


def _behind(rows: list[HistoryRow], after: int) -> list[NumberedEvent]:
    return [entry for entry in numbered_events(rows) if entry[0] > after]


def _invalid_inputs(error: InvalidInputs) -> ServiceError:
    violations = [Violation(f"inputs.{p.name}", p.message) for p in error.problems]
    return ServiceError(Reason.INVALID_INPUTS, str(error), violations=violations)
