"""Brings the executions that a turn needs into memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeGuard

from branchline.engine import Retry, Signal
from branchline.server.catalog import Catalog
from branchline.server.histories import rebuild
from branchline.server.runtime.live import Live, LiveExecutions
from branchline.server.runtime.requests import (
    AnyRequest,
    CancelChild,
    Command,
    Delete,
    FailLeasedTask,
    Order,
    ReportOutcome,
    ReportRecord,
    Start,
    View,
    Wake,
)
from branchline.server.statuses import is_closed
from branchline.server.storage import ExecutionRow, Store

_OTHERS: Final = (Command, CancelChild, View, Wake)
"""Who needs an execution in memory although it shall be deleted in the same turn."""


class Loaded:
    """What was read for one turn, beside the executions in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, ExecutionRow] = {}
        """Executions by id, those that were asked for and not in memory."""
        self.requests: dict[tuple[str, str], ExecutionRow] = {}
        """Executions by workflow and request id."""
        self.closed: dict[str, Live] = {}
        """Closed executions that somebody wants to look at; they are not kept."""


class Loader:
    """Reads executions, many at once."""

    def __init__(self, store: Store, catalog: Catalog, lives: LiveExecutions) -> None:
        self._store = store
        self._catalog = catalog
        self._lives = lives
        self.refresh: Callable[[Sequence[AnyRequest | Order]], Awaitable[None]] = _as_it_is
        """Brings what is in memory up to date where other servers may have changed it."""

    async def load(self, requests: Sequence[AnyRequest | Order]) -> Loaded:
        """Bring what the requests are about into memory, as far as it exists."""
        loaded = Loaded()
        await self.refresh(requests)
        await self._find_starts(requests, loaded)
        rows = await self._find(requests)
        if not rows:
            return loaded
        loaded.rows.update((row.id, row) for row in rows)
        viewed = {request.execution_id for request in requests if _needs_closed(request)}
        deleted = {request.execution_id for request in requests if isinstance(request, Delete)}
        others = {r.execution_id for r in requests if isinstance(r, _OTHERS)}
        wanted = [
            row
            for row in rows
            if (row.id in viewed if is_closed(row.status) else row.id not in deleted - others)
        ]
        lives = await self._rebuild(wanted)
        for execution_id in {row.id for row in wanted}.difference(live.state.id for live in lives):
            del loaded.rows[execution_id]
        for live in lives:
            if live.state.end is None:
                self._lives.add(live)
            else:
                loaded.closed[live.state.id] = live
        return loaded

    async def _find_starts(self, requests: Iterable[AnyRequest | Order], loaded: Loaded) -> None:
        starts = [request for request in requests if isinstance(request, Start)]
        ids = [start.execution_id for start in starts if start.execution_id]
        asked = [(s.plan.workflow.name, s.request_id) for s in starts if s.request_id]
        if ids or asked:
            same_id, same_request = await self._store.executions_in_the_way(ids, asked)
            loaded.rows.update((row.id, row) for row in same_id)
            loaded.requests.update(((r.workflow, r.request_id or ""), r) for r in same_request)

    async def _find(self, requests: Iterable[AnyRequest | Order]) -> list[ExecutionRow]:
        ids, keys = set(), set()
        for request in requests:
            if isinstance(request, ReportOutcome | ReportRecord | FailLeasedTask):
                keys.add(_execution_key(request))
            elif not isinstance(request, Start):
                ids.add(request.execution_id)
        ids = {execution_id for execution_id in ids if self._lives.by_id(execution_id) is None}
        keys = {key for key in keys if self._lives.by_key(key) is None}
        rows = []
        if ids:
            rows += await self._store.executions_by_id(list(ids))
        if keys:
            known = {row.key for row in rows}
            found = await self._store.executions_by_key(list(keys))
            rows += [row for row in found if row.key not in known]
        return rows

    async def _rebuild(self, rows: Sequence[ExecutionRow]) -> list[Live]:
        if not rows:
            return []
        keys = [row.key for row in rows]
        snapshots = await self._store.snapshots(keys)
        after = {key: snapshot.sequence for key, snapshot in snapshots.items()}
        histories = await self._store.histories(keys, after)
        lives = []
        for row in rows:
            history = histories.get(row.key, [])
            if not history and row.key not in snapshots:
                continue  # Another server has removed it since its row was read.
            plan = await self._catalog.plan(row.workflow, row.version)
            live = Live(row.key, plan, rebuild(row.id, snapshots.get(row.key), history))
            live.fresh_bytes = sum(len(entry.events) for entry in history)
            if row.key in snapshots:
                live.snapshot_bytes = len(snapshots[row.key].state)
            lives.append(live)
        return lives


async def _as_it_is(_requests: Sequence[AnyRequest | Order]) -> None:
    """What is in memory is right: nobody else changes the database."""


def _needs_closed(request: AnyRequest | Order) -> TypeGuard[View[Any] | Command]:
    """Whether a request needs an execution's state even when it has closed."""
    return isinstance(request, View) or (
        isinstance(request, Command)
        and (
            isinstance(request.command, Retry)
            or (isinstance(request.command, Signal) and request.command.signal_id != "")
        )
    )


def _execution_key(request: ReportOutcome | ReportRecord | FailLeasedTask) -> int:
    if isinstance(request, FailLeasedTask):
        return request.task.key.execution_key
    return request.token.execution_key
