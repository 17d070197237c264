"""The store: what the server asks of its database."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence

from branchline.server.storage import closed, lists, reads, status_changes, workflows
from branchline.server.storage.database import Database
from branchline.server.storage.errors import Conflict
from branchline.server.storage.lookups import PlainLookups
from branchline.server.storage.postgres_options import PostgresOptions
from branchline.server.storage.rows import (
    Batch,
    Cancellation,
    ClosedExecution,
    Due,
    ExecutionFilter,
    ExecutionRow,
    HistoryRow,
    SnapshotRow,
    StatusPage,
    StatusStretch,
    TaskKey,
    TaskRow,
    WorkflowRow,
)
from branchline.server.storage.sqlite import SqliteDatabase
from branchline.server.storage.sqlite_connection import SqliteOptions
from branchline.server.storage.urls import is_postgres, sqlite_url


class Store:
    """Everything that must survive.

    Writes go one after the other, reads beside them; a read sees every write that was
    acknowledged before it was asked for, and one state of the database throughout. All methods
    raise StoreUnavailable when the database fails or the store is closed; nothing was stored then,
    but for its subclass CommitUnknown. What was handed in is carried out even if its caller is
    cancelled.
    """

    def __init__(self, database: Database, database_id: str) -> None:
        """Use ``open``."""
        self._database = database
        self._lookups = database.lookups or PlainLookups(database.read)
        self.peers = database.peers
        """The other servers, None where there can be none."""
        self.database_id = database_id
        """Made with the database, different for every one."""
        self.on_status_changes: list[Callable[[], None]] = []
        """Called after each commit that has changed statuses."""

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        sqlite: SqliteOptions | None = None,
        postgres: PostgresOptions | None = None,
    ) -> Store:
        """Open a database: a file, ``sqlite:///relative.db``, or ``postgresql://host/database``.

        An empty one is set up, an older one upgraded.

        Raises UnsupportedDatabase for any other kind of URL, DatabaseInUse when another server
        has the file, SchemaTooNew when a newer program has upgraded it, and CannotOpen, their
        base, when something else is in the way.
        """
        database: Database
        if is_postgres(url):
            # Slow to import, and not needed beside SQLite.
            from branchline.server.storage.postgres import PostgresDatabase  # noqa: PLC0415

            database = await PostgresDatabase.open(url, postgres or PostgresOptions())
        else:
            database = await SqliteDatabase.open(sqlite_url(url), sqlite or SqliteOptions())
        return cls(database, database.database_id)

    async def close(self) -> None:
        """Finish what is under way and let go of the database; may be repeated."""
        await self._database.close()

    async def commit(self, batch: Batch) -> list[TaskRow]:
        """Store a batch in one transaction; gives the tasks that it has pulled.

        The batch must not be changed until this returns. Raises Conflict when a key of the batch
        is in use, TasksLost when another server has a task that this one should have, and
        StoreUnavailable; nothing was stored then, unless it is a CommitUnknown.
        """
        if not batch:
            return []
        pulled = await self._database.commit(batch)
        if batch.status_changes:
            self.tell_status_changes()
        return pulled

    def tell_status_changes(self) -> None:
        """Statuses have changed, by this server or another."""
        for tell in self.on_status_changes:
            tell()

    async def add_workflow(
        self, name: str, content_hash: str, definition: str, create_time: int | None = None
    ) -> tuple[int, bool]:
        """Add a version of a workflow, unless the latest has the same content (semantics 2.7).

        Gives the version, and whether it is new. The time is by default now.
        """
        at = time.time_ns() // 1000 if create_time is None else create_time
        while True:
            # Another server may add the same version at the same moment.
            with contextlib.suppress(Conflict):
                return await self._database.write(
                    lambda c: workflows.add_workflow(c, name, content_hash, definition, at)
                )

    async def workflow(self, name: str, version: int | None = None) -> WorkflowRow | None:
        """A version of a workflow, by default the latest; None when there is none."""
        return await self._database.read(lambda c: workflows.workflow(c, name, version))

    async def latest_versions(self, names: Sequence[str]) -> dict[str, int]:
        """The latest version of each of these workflows that exists."""
        return await self._lookups.latest_versions(names)

    async def workflows(self, after_name: str, limit: int) -> list[WorkflowRow]:
        """The latest versions of the workflows whose names come after one, ordered by name."""
        return await self._database.read(lambda c: workflows.latest_workflows(c, after_name, limit))

    async def executions_by_id(self, ids: Sequence[str]) -> list[ExecutionRow]:
        """The executions with these ids, in no order."""
        return await self._lookups.executions_by_id(ids)

    async def statuses_by_id(self, ids: Sequence[str]) -> dict[str, int]:
        """The statuses of the executions with these ids; who is not there is left out."""
        return await self._database.read(lambda c: reads.statuses_by_id(c, ids))

    async def executions_by_key(self, keys: Sequence[int]) -> list[ExecutionRow]:
        """The executions with these keys, in no order."""
        return await self._lookups.executions_by_key(keys)

    async def executions_by_request(
        self, requests: Sequence[tuple[str, str]]
    ) -> list[ExecutionRow]:
        """The executions that requests, given with their workflows, started, in no order."""
        return await self._database.read(lambda c: reads.executions_by_request(c, requests))

    async def executions_in_the_way(
        self, ids: Sequence[str], requests: Sequence[tuple[str, str]]
    ) -> tuple[list[ExecutionRow], list[ExecutionRow]]:
        """The executions with these ids, and those that these requests started."""
        return await self._lookups.executions_in_the_way(ids, requests)

    async def list_executions(
        self, wanted: ExecutionFilter, *, before_key: int | None = None, limit: int
    ) -> list[ExecutionRow]:
        """The newest executions that pass a filter, newest first; a page ends before a key."""
        return await self._database.read(
            lambda c: lists.list_executions(c, wanted, before_key, limit)
        )

    async def count_executions(self, wanted: ExecutionFilter) -> dict[int, int]:
        """How many executions pass a filter, by status; a status without any is left out."""
        return await self._database.read(lambda c: lists.count_executions(c, wanted))

    async def history(
        self, key: int, after_sequence: int, limit_rows: int, limit_bytes: int | None = None
    ) -> list[HistoryRow]:
        """The next rows with events after one, in order; the first may hold earlier ones too.

        There are at most ``limit_rows``, and none behind the one that reaches ``limit_bytes``.
        """
        return await self._database.read(
            lambda c: reads.history_after(c, key, after_sequence, limit_rows, limit_bytes)
        )

    async def histories(
        self, keys: Sequence[int], after: Mapping[int, int] | None = None
    ) -> dict[int, list[HistoryRow]]:
        """The rows of many executions, each after the event that ``after`` names, else all.

        Every key is in the answer. Read snapshots before histories: what a snapshot is missing
        is then in the history.
        """
        return await self._database.read(lambda c: reads.histories(c, keys, after or {}))

    async def last_sequences(self, keys: Sequence[int]) -> dict[int, int]:
        """The number of the last event of each of these executions, of those that exist."""
        return await self._lookups.last_sequences(keys)

    async def snapshots(self, keys: Sequence[int]) -> dict[int, SnapshotRow]:
        """The snapshots of executions that have one, by key."""
        return await self._database.read(lambda c: reads.snapshots_of(c, keys))

    async def status_changes(self, after: int, limit_rows: int, limit_size: int) -> StatusStretch:
        """The next stored changes of status after a position, in order.

        There are at most ``limit_rows`` entries, and none behind the one with which they reach
        ``limit_size`` characters.
        """
        return await self._database.read(
            lambda c: status_changes.status_changes_after(c, after, limit_rows, limit_size)
        )

    async def present_statuses(
        self, wanted: ExecutionFilter, *, before_key: int | None = None, limit: int
    ) -> StatusPage:
        """How executions stand, newest first, and as of which position; see list_executions."""
        return await self._database.read(
            lambda c: status_changes.present_statuses(c, wanted, before_key, limit)
        )

    async def remove_status_changes(self, before: int, limit: int) -> int:
        """Remove the oldest changes of status from before a time. Returns how many rows it were.

        The last row stays, so that positions ascend for ever.
        """
        return await self._database.write(
            lambda c: status_changes.remove_status_changes(c, before, limit)
        )

    async def closed_workflows(self) -> list[str]:
        """The names of the workflows that have closed executions, in order."""
        return await self._database.read(closed.closed_workflows)

    async def closed_before(self, workflow: str, time: int, limit: int) -> list[ClosedExecution]:
        """A workflow's executions that have closed before a time, those that closed first first."""
        return await self._database.read(lambda c: closed.closed_before(c, workflow, time, limit))

    async def due(
        self, until: int, limit: int, *, after: tuple[int, int] | None = None
    ) -> list[Due]:
        """The executions in which something is due by a time, the longest due first.

        A page may begin after a due time and key.
        """
        return await self._database.read(lambda c: reads.due(c, until, after, limit))

    async def next_due(self) -> int | None:
        """The earliest time at which something is due; None when there is none."""
        return await self._database.read(reads.next_due)

    async def cancellations(self, after: str, limit: int) -> list[Cancellation]:
        """The executions that are still to be cancelled, ordered by id, beginning after one."""
        return await self._database.read(lambda c: reads.cancellations(c, after, limit))

    async def running_tasks(self) -> list[TaskRow]:
        """The tasks that time is running for, ordered by execution and task.

        Workers have them, or they must be taken or ended within a time. Reads all tasks.
        """
        return await self._database.read(reads.running_tasks)

    async def ready_offers(self) -> list[tuple[str, str]]:
        """The queues and activities of the tasks that nobody has, each pair once.

        Reads the index of all such tasks.
        """
        return await self._database.read(reads.ready_offers)

    async def ready_keys(
        self, offer: tuple[str, str], after: tuple[int, int] = (-1, -1), *, limit: int
    ) -> list[TaskKey]:
        """The tasks of a queue and activity that nobody has, in order, beginning after one."""
        return await self._database.read(lambda c: reads.ready_keys(c, offer, after, limit))

    async def ready_tasks(self, keys: Sequence[tuple[int, int]]) -> list[TaskRow]:
        """Those of these tasks that nobody has, ordered by execution and task."""
        return await self._database.read(lambda c: reads.ready_tasks(c, keys))

    async def tasks_of(self, key: int) -> list[TaskRow]:
        """The tasks of an execution, ordered by task."""
        return await self._database.read(lambda c: reads.tasks_of(c, key))
