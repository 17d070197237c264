"""A PostgreSQL database.

It has a connection for commits, one to look rows up by their keys, and some for other reads and
the few other writes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from branchline.server.storage.errors import CommitUnknown, Conflict, StoreUnavailable, TasksLost
from branchline.server.storage.idle import IdleTimer
from branchline.server.storage.lookups import Lookups
from branchline.server.storage.memory import give_back
from branchline.server.storage.peers import Peers
from branchline.server.storage.postgres_commit import commit, connect_for_commits
from branchline.server.storage.postgres_connection import (
    BY_KEY,
    DRIVER_ERRORS,
    READS,
    committing,
    connect,
    doubtful,
    is_lost,
    translated_errors,
)
from branchline.server.storage.postgres_lookups import PostgresLookups
from branchline.server.storage.postgres_opening import opening, prepare
from branchline.server.storage.postgres_options import PostgresOptions
from branchline.server.storage.postgres_peers import PostgresPeers
from branchline.server.storage.postgres_url import data_source, place_of
from branchline.server.storage.rows import Batch, TaskRow

T = TypeVar("T")

_DRIVER = "postgresql+asyncpg://"


class PostgresDatabase:
    """An open PostgreSQL database; implements Database."""

    def __init__(self, source: str, options: PostgresOptions) -> None:
        self.database_id = ""
        self.server = ""
        """The id of the server that uses it."""
        self._peers = PostgresPeers(self)
        self.peers: Peers | None = self._peers
        self.source = source
        self.options = options
        self._engine: AsyncEngine = create_async_engine(
            _DRIVER,
            async_creator=lambda: connect(source, options, READS),
            pool_size=options.readers,
            max_overflow=1,  # for writes that are no commits
            pool_timeout=options.statement_timeout,
        )
        event.listen(self._engine.sync_engine, "checkout", _refuse_closed)
        self._reading = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._changing = self._engine.execution_options(isolation_level="READ COMMITTED")
        self._writing = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None
        self.lookups: Lookups | None = PostgresLookups(self.fetch)
        self._looking = asyncio.Lock()
        self._looker: asyncpg.Connection | None = None
        self._idle = IdleTimer(options.idle_after, give_back)
        self._work: set[asyncio.Task[Any]] = set()
        self._closed: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, url: str, options: PostgresOptions) -> PostgresDatabase:
        """Connect, and bring the database to the present schema.

        Raises CannotOpen and its subclasses.
        """
        database = cls(data_source(url), options)
        try:
            await database._open()
        except BaseException:
            await database.close()
            raise
        return database

    def read(self, query: Callable[[Connection], T]) -> Awaitable[T]:
        """See Database."""
        return self._start(lambda: self._read(query))

    def write(self, change: Callable[[Connection], T]) -> Awaitable[T]:
        """See Database."""
        return self._start(lambda: self._write(change))

    def write_beside(self, change: Callable[[Connection], T]) -> Awaitable[T]:
        """Run a change in a transaction of its own, also while others are under way."""
        return self._start(lambda: self._change(change))

    def commit(self, batch: Batch) -> Awaitable[list[TaskRow]]:
        """See Database."""
        return self._start(lambda: self._commit(batch))

    def fetch(self, statement: str, *arguments: object) -> Awaitable[list[Any]]:
        """The rows that one statement gives, which finds them by their keys."""
        return self._start(lambda: self._fetch(statement, *arguments))

    async def close(self) -> None:
        """See Database."""
        if self._closed is None:
            self._closed = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closed)

    async def _open(self) -> None:
        place = place_of(self.source)
        # An upgrade takes the time that it takes, and so does waiting for another server's.
        engine = create_async_engine(
            _DRIVER,
            async_creator=lambda: connect(self.source, self.options, patient=True),
            poolclass=NullPool,
        )
        with opening(place):
            async with engine.begin() as connection:
                self.database_id = await connection.run_sync(prepare, place)

    def _start(self, work: Callable[[], Coroutine[Any, Any, T]]) -> Awaitable[T]:
        """Carry some work out, whoever still waits for it."""
        if self._closed is not None:
            raise StoreUnavailable("The store is closed.")
        task = asyncio.ensure_future(_persistently(work))
        self._work.add(task)
        task.add_done_callback(self._done)
        return asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._work.discard(task)
        if not task.cancelled():
            task.exception()  # Whoever has gone away needs not take it.

    async def _read(self, query: Callable[[Connection], T]) -> T:
        async with self._reading.connect() as connection:
            return await connection.run_sync(query)

    async def _fetch(self, statement: str, *arguments: object) -> list[Any]:
        async with self._looking:
            if self._looker is None or self._looker.is_closed():
                self._looker = await connect(self.source, self.options, BY_KEY)
            try:
                return await self._looker.fetch(statement, *arguments)
            except BaseException:
                self._looker.terminate()
                self._looker = None
                raise

    async def _write(self, change: Callable[[Connection], T]) -> T:
        async with self._writing:
            return await self._change(change)

    async def _change(self, change: Callable[[Connection], T]) -> T:
        async with self._changing.connect() as connection:
            result = await connection.run_sync(change)
            with committing():
                await connection.commit()
            return result

    async def _commit(self, batch: Batch) -> list[TaskRow]:
        self._idle.busy()
        async with self._writing:
            try:
                return await self._store(batch)
            except CommitUnknown:
                # Events can be stored only once: a batch that has some may be tried again.
                if not batch.started and not batch.history:
                    raise
            with doubtful():
                return await self._store(batch)

    async def _store(self, batch: Batch) -> list[TaskRow]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect_for_commits(self.source, self.options)
        try:
            return await commit(self._connection, batch, self.server)
        except (asyncpg.UniqueViolationError, Conflict, TasksLost):
            raise
        except BaseException:
            # It may be in the middle of something, or lead to what is a replica now.
            self._connection.terminate()
            self._connection = None
            raise

    async def _close(self) -> None:
        await self._peers.close()
        if self._work:
            await asyncio.wait(self._work)
        self._idle.stop()
        patience = self.options.connect_timeout
        # What does not answer any more is left to itself.
        with contextlib.suppress(*DRIVER_ERRORS):
            for connection in (self._connection, self._looker):
                if connection is not None:
                    await connection.close(timeout=patience)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._engine.dispose(), patience)


async def _persistently(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Do some work, and again if it met with a connection that was lost in the meantime.

    Nothing of it was stored then.
    """
    with translated_errors():
        try:
            return await work()
        except CommitUnknown:
            raise
        except Exception as error:
            if not is_lost(error):
                raise
        return await work()


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:  # noqa: ANN401 - SQLAlchemy's
    if connection.driver_connection.is_closed():
        raise DisconnectionError
