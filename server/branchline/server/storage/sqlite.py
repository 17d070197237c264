"""A SQLite file: one writer, one reader beside it, each a connection in a thread of its own.

The reader sees the last commit while the next is written (write-ahead log), so neither waits for
the other.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import URL, Connection

from branchline.server.storage import sqlite_commit, upgrade
from branchline.server.storage.errors import CannotOpen, UnsupportedDatabase
from branchline.server.storage.lock import FileLock
from branchline.server.storage.lookups import Lookups
from branchline.server.storage.peers import Peers
from branchline.server.storage.rows import Batch, TaskRow
from branchline.server.storage.sqlite_connection import (
    SqliteOptions,
    checkpoint,
    connect,
    driver_connection,
    enlarge_log,
    in_transaction,
    opening,
    shrink,
    translated_errors,
)
from branchline.server.storage.thread import DatabaseThread

T = TypeVar("T")


class SqliteDatabase:
    """An open SQLite file; implements Database."""

    def __init__(self, path: Path, options: SqliteOptions) -> None:
        self.path: Final = path
        self.database_id = ""
        self.peers: Peers | None = None
        self.lookups: Lookups | None = None
        self._options = options
        self._lock: FileLock | None = None
        self._connections: dict[DatabaseThread, Connection] = {}
        self._writer = DatabaseThread(
            "branchline-writer", when_idle=self._rest_writer, idle_after=options.idle_after
        )
        self._reader = DatabaseThread(
            "branchline-reader", when_idle=self._rest_reader, idle_after=options.idle_after
        )
        self._closed: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, url: URL, options: SqliteOptions) -> SqliteDatabase:
        """Open the file, or make it, and bring it to the present schema.

        Raises CannotOpen and its subclasses.
        """
        database = cls(database_file(url), options)
        try:
            await database._writer.submit(database._open_writer)
            await database._reader.submit(database._open_reader)
        except BaseException:
            # The caller may be cancelled while the thread takes the lock: it lets go afterwards.
            await asyncio.shield(database._closing())
            raise
        return database

    def read(self, query: Callable[[Connection], T]) -> asyncio.Future[T]:
        """See Database."""
        return self._reader.submit(lambda: in_transaction(self._connections[self._reader], query))

    def write(self, change: Callable[[Connection], T]) -> asyncio.Future[T]:
        """See Database."""
        return self._writer.submit(lambda: in_transaction(self._connections[self._writer], change))

    def commit(self, batch: Batch) -> asyncio.Future[list[TaskRow]]:
        """See Database."""
        return self._writer.submit(lambda: self._commit(batch))

    async def close(self) -> None:
        """See Database."""
        await asyncio.shield(self._closing())

    def _commit(self, batch: Batch) -> list[TaskRow]:
        with translated_errors():
            sqlite_commit.commit(driver_connection(self._connections[self._writer]), batch)
        return []

    def _rest_writer(self) -> None:
        if (connection := self._connections.get(self._writer)) is not None:
            checkpoint(connection, self._options)
            shrink(connection)

    def _rest_reader(self) -> None:
        if (connection := self._connections.get(self._reader)) is not None:
            shrink(connection)

    def _open_writer(self) -> None:
        self._lock = FileLock(self.path)
        with opening(self.path):
            connection = self._connections[self._writer] = connect(self.path, self._options)
            with connection.begin():
                found = upgrade.revision(connection, str(self.path))
            # A file that was refused above keeps its own mode.
            driver_connection(connection).execute("PRAGMA journal_mode = WAL")
            with connection.begin():
                current = found == upgrade.REVISIONS[-1]
                get = upgrade.database_id if current else upgrade.upgrade
                self.database_id = get(connection)
        enlarge_log(self.path, self._options)

    def _open_reader(self) -> None:
        with opening(self.path):
            self._connections[self._reader] = connect(self.path, self._options, read_only=True)

    def _closing(self) -> asyncio.Task[None]:
        if self._closed is None:
            self._closed = asyncio.ensure_future(self._close())
        return self._closed

    async def _close(self) -> None:
        reader = self._reader.submit(lambda: self._disconnect(self._reader))
        self._reader.stop()
        await reader
        # The last connection to close puts the log into the database and removes it.
        writer = self._writer.submit(lambda: self._disconnect(self._writer))
        self._writer.stop()
        await writer
        self._reader.join()
        self._writer.join()

    def _disconnect(self, thread: DatabaseThread) -> None:
        connection = self._connections.pop(thread, None)
        try:
            if connection is not None:
                connection.close()
        finally:
            if thread is self._writer and self._lock is not None:
                self._lock.release()


def database_file(url: URL) -> Path:
    """The file that a URL names, with symbolic links resolved.

    Raises UnsupportedDatabase for a database in memory and for parameters, CannotOpen when there
    can't be such a file.
    """
    if url.database in {None, "", ":memory:"} or str(url.database).startswith("file:"):
        raise UnsupportedDatabase(
            "A database in memory is not supported: it would lose what it acknowledges. Name a"
            " file: sqlite:///relative.db or sqlite:////absolute/path.db."
        )
    if url.query or url.host:
        raise UnsupportedDatabase(
            f"The database URL {url.render_as_string()} has parts that are not supported. Its form"
            " is sqlite:///relative.db or sqlite:////absolute/path.db."
        )
    path = Path(str(url.database)).resolve()
    if not path.parent.is_dir():
        raise CannotOpen(
            f"The directory {path.parent} of the database {path.name} does not exist. Make it, or"
            " name another."
        )
    if path.is_dir():
        raise CannotOpen(f"{path} is a directory. Name a database file in it.")
    # SQLite itself would complain only about the first commit.
    if path.exists() and not os.access(path, os.W_OK):
        raise CannotOpen(f"The database {path} is read-only. The server needs to write to it.")
    return path
