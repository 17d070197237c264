"""How a SQLite file is connected to, and what its errors mean."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeVar, cast

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from branchline.server.storage.errors import (
    CannotOpen,
    Conflict,
    StoreError,
    StoreUnavailable,
    Taken,
)
from branchline.server.storage.memory import give_back

T = TypeVar("T")

# Statements are kept prepared: every hot one exists in several sizes.
_PREPARED_STATEMENTS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteOptions:
    """How SQLite trades safety, memory and disk."""

    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    """FULL: what is acknowledged survives a power cut. NORMAL: the last commits may not; a killed
    process loses nothing either way."""
    busy_timeout: float = 5.0
    """Seconds to wait for another program that has locked the file, such as a backup."""
    cache_mib: int = 32
    """Pages kept in memory, for the writer and for the reader each."""
    checkpoint_pages: int = 4000
    """Size of the write-ahead log, in pages of 4 KiB, from which a commit puts it into the
    database. The larger, the fewer pages are written twice, and the longer that commit takes."""
    log_mib: int = 0
    """What the write-ahead log is given at once and keeps, best a little more than it needs until
    it is put into the database; 0: it grows as it is needed, and is emptied when idle."""
    idle_after: float = 2.0
    """Seconds without a write after which the log is put into the database and emptied, and
    without a read or a write after which the pages in memory are given back."""


def connect(path: Path, options: SqliteOptions, *, read_only: bool = False) -> Connection:
    """Connect for the thread that calls. Nothing is written to the file yet."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=NullPool,
        connect_args={
            "timeout": options.busy_timeout,
            "cached_statements": _PREPARED_STATEMENTS,
            # The module would begin transactions by itself, and only before some statements.
            "isolation_level": None,
        },
    )
    begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    connection = engine.connect()
    raw = driver_connection(connection)
    raw.execute(f"PRAGMA synchronous = {options.synchronous}")
    raw.execute(f"PRAGMA cache_size = -{options.cache_mib * 1024}")
    raw.execute(f"PRAGMA wal_autocheckpoint = {options.checkpoint_pages}")
    raw.execute("PRAGMA foreign_keys = OFF")
    raw.execute("PRAGMA temp_store = MEMORY")
    raw.execute(f"PRAGMA query_only = {'ON' if read_only else 'OFF'}")
    return connection


def driver_connection(connection: Connection) -> sqlite3.Connection:
    """The connection of Python's sqlite3 under one of SQLAlchemy's."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def in_transaction(connection: Connection, work: Callable[[Connection], T]) -> T:
    """Do some work in a transaction; raises StoreUnavailable and Conflict."""
    with translated_errors(), connection.begin():
        return work(connection)


def checkpoint(connection: Connection, options: SqliteOptions) -> None:
    """Put the write-ahead log into the database, unless that is not possible now.

    It is emptied then, or written over from its beginning if it is to keep its size.
    """
    raw = driver_connection(connection)
    mode = "RESTART" if options.log_mib else "TRUNCATE"
    with contextlib.suppress(sqlite3.Error):
        # A long read must not hold up the commit that may come in at any moment.
        raw.execute("PRAGMA busy_timeout = 0")
        raw.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
    raw.execute(f"PRAGMA busy_timeout = {round(options.busy_timeout * 1000)}")


def enlarge_log(path: Path, options: SqliteOptions) -> None:
    """Give the write-ahead log the size that it is to have, if there is room for it.

    To sync a file that grows takes several times as long as to sync one that is written over:
    its new size and place must be stored, too. SQLite stops reading at the first frame that is
    not valid, such as one of zeros.
    """
    with contextlib.suppress(OSError), path.with_name(f"{path.name}-wal").open("r+b") as log:
        size = os.fstat(log.fileno()).st_size
        try:
            os.pwrite(log.fileno(), bytes(max((options.log_mib << 20) - size, 0)), size)
            os.fsync(log.fileno())
        except OSError:
            os.truncate(log.fileno(), size)


def shrink(connection: Connection) -> None:
    """Give back the pages in memory: the kernel still has them, as long as it has the room."""
    with contextlib.suppress(sqlite3.Error):
        driver_connection(connection).execute("PRAGMA shrink_memory")
    give_back()


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Turn SQLite's errors into the storage's; mistakes of the program stay what they are."""
    try:
        yield
    except (sqlite3.Error, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        translated = _translated(cause) if isinstance(cause, sqlite3.Error) else None
        if translated is None:
            raise
        raise translated from cause


@contextlib.contextmanager
def opening(path: Path) -> Iterator[None]:
    """Turn errors into CannotOpen that name the file."""
    try:
        with translated_errors():
            yield
    except StoreUnavailable as error:
        message = f"The database {path} can't be opened: {error.__cause__}."
        if _primary_code(error.__cause__) == sqlite3.SQLITE_NOTADB:
            message = f"The file {path} is not a SQLite database. Name another file."
        raise CannotOpen(message) from error


# What another time, or a repair, may put right.
_UNAVAILABLE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
_TAKEN: Final = {
    "executions.id": Taken.ID,
    "executions.key": Taken.KEY,
    "executions.workflow, executions.request_id": Taken.REQUEST,
    "history.execution_key, history.first_sequence": Taken.HISTORY,
    "tasks.execution_key, tasks.task": Taken.TASK,
    "workflows.name, workflows.version": Taken.WORKFLOW,
}


def _primary_code(error: BaseException | None) -> int | None:
    # Errors of the module itself, such as a wrong number of parameters, have no code.
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _translated(error: sqlite3.Error) -> StoreError | None:
    code = _primary_code(error)
    if code in _UNAVAILABLE:
        return StoreUnavailable(f"The database is not available: {error}.")
    if code == sqlite3.SQLITE_CONSTRAINT:
        _, _, columns = str(error).partition("UNIQUE constraint failed: ")
        if (taken := _TAKEN.get(columns)) is not None:
            return Conflict(taken)
    return None
