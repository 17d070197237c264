"""A PostgreSQL database: one connection for writes, some for reads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

import asyncpg
from sqlalchemy import Connection, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from branchline.server.storage import postgres_commit, upgrade
from branchline.server.storage.errors import StoreUnavailable
from branchline.server.storage.peers import Peers
from branchline.server.storage.postgres_connection import (
    connect,
    data_source,
    opening,
    place_of,
    translated_errors,
)
from branchline.server.storage.postgres_options import PostgresOptions
from branchline.server.storage.postgres_peers import PostgresPeers
from branchline.server.storage.rows import Batch, TaskRow

T = TypeVar("T")

UPGRADES: Final = 6_627_502
"""The advisory lock under which the schema is upgraded: several servers may start at once."""


class PostgresDatabase:
    """An open PostgreSQL database; implements Database."""

    def __init__(self, source: str, options: PostgresOptions) -> None:
        self.database_id = ""
        self.server = ""
        """The id of the server that uses it."""
        self._peers = PostgresPeers(self)
        self.peers: Peers | None = self._peers
        self.place = place_of(source)
        """Which database it is, without the password."""
        self.source = source
        self.options = options
        self._engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda: connect(source, options),
            pool_size=options.readers,
            max_overflow=1,  # for writes that are no commits
        )
        self._reading = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._writing = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None
        self._work: set[asyncio.Task[Any]] = set()
        self._closed = False

    @classmethod
    async def open(cls, url: str, options: PostgresOptions) -> PostgresDatabase:
        """Connect, and bring the database to the present schema.

        Raises CannotOpen and its subclasses.
        """
        database = cls(data_source(url), options)
        try:
            with opening(database.place):
                await database._open()
        except BaseException:
            await database.close()
            raise
        return database

    def read(self, query: Callable[[Connection], T]) -> Awaitable[T]:
        """See Database."""
        return self._start(self._read(query))

    def write(self, change: Callable[[Connection], T]) -> Awaitable[T]:
        """See Database."""
        return self._start(self._write(change))

    def write_beside(self, change: Callable[[Connection], T]) -> Awaitable[T]:
        """Run a change in a transaction of its own, also while others are under way."""
        return self._start(self._write_now(change))

    def commit(self, batch: Batch) -> Awaitable[list[TaskRow]]:
        """See Database."""
        return self._start(self._commit(batch))

    async def close(self) -> None:
        """See Database."""
        self._closed = True
        await self._peers.close()
        if self._work:
            await asyncio.wait(self._work)
        if self._connection is not None:
            await self._connection.close(timeout=self.options.connect_timeout)
            self._connection = None
        await self._engine.dispose()

    async def _open(self) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(UPGRADES)))
            self.database_id = await connection.run_sync(_upgraded)

    def _start(self, work: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """Carry some work out, whoever still waits for it."""
        if self._closed:
            work.close()
            raise StoreUnavailable("The store is closed.")
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return asyncio.shield(task)

    async def _read(self, query: Callable[[Connection], T]) -> T:
        with translated_errors():
            async with self._reading.begin() as connection:
                return await connection.run_sync(query)

    async def _write(self, change: Callable[[Connection], T]) -> T:
        async with self._writing:
            return await self._write_now(change)

    async def _write_now(self, change: Callable[[Connection], T]) -> T:
        with translated_errors():
            async with self._engine.begin() as connection:
                return await connection.run_sync(change)

    async def _commit(self, batch: Batch) -> list[TaskRow]:
        async with self._writing:
            with translated_errors():
                connection = self._connection
                if connection is None or connection.is_closed():
                    connection = self._connection = await connect(self.source, self.options)
                try:
                    return await postgres_commit.commit(connection, batch, self.server)
                except BaseException:
                    # After a failure in the middle nobody knows what state it is in.
                    if connection.is_closed() or connection.is_in_transaction():
                        connection.terminate()
                        self._connection = None
                    raise


def _upgraded(connection: Connection) -> str:
    current = upgrade.revision(connection) == upgrade.REVISIONS[-1]
    return (upgrade.database_id if current else upgrade.upgrade)(connection)
