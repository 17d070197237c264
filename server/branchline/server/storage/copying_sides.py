"""The two databases of a copy, each held so that nobody else changes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.util import greenlet_spawn

from branchline.server.storage import upgrade
from branchline.server.storage.copying import (
    Copied,
    Progress,
    check_source,
    check_target,
    copy_all,
)
from branchline.server.storage.errors import CannotCopy
from branchline.server.storage.lock import FileLock
from branchline.server.storage.sqlite import database_file
from branchline.server.storage.sqlite_connection import (
    SqliteOptions,
    connect,
    opening,
    translated_errors,
)
from branchline.server.storage.urls import is_postgres, sqlite_url

Side = AbstractAsyncContextManager[Connection]


async def copy_database(source_url: str, target_url: str, progress: Progress) -> Copied:
    """Move everything into an empty database while no server uses either.

    Raises CannotCopy and other StoreErrors; the other database is as empty as before then.
    """
    same = not is_postgres(source_url) and not is_postgres(target_url)
    if same and _file(source_url) == _file(target_url):
        raise CannotCopy("Both are the same database. Name another one to copy into.")
    async with _source(source_url) as source, _target(target_url) as target:
        # Inside of it connections of asynchronous and other drivers are used alike.
        return await greenlet_spawn(copy_all, source, target, progress)


def _source(url: str) -> Side:
    if is_postgres(url):
        # Slow to import, and not needed beside SQLite.
        from branchline.server.storage.copying_postgres import postgres_source  # noqa: PLC0415

        return postgres_source(url)
    return _sqlite_source(url)


def _target(url: str) -> Side:
    if is_postgres(url):
        from branchline.server.storage.copying_postgres import postgres_target  # noqa: PLC0415

        return postgres_target(url)
    return _sqlite_target(url)


@asynccontextmanager
async def _sqlite_source(url: str) -> AsyncIterator[Connection]:
    path = _file(url)
    if not path.is_file():
        raise CannotCopy(f"There is no database {path}. Name the file that the server used.")
    with _held(path), _connected(path, read_only=True) as connection:
        with opening(path):
            transaction = connection.begin()
            check_source(connection, str(path))
        with transaction:
            yield connection


@asynccontextmanager
async def _sqlite_target(url: str) -> AsyncIterator[Connection]:
    path = _file(url)
    is_new = not path.exists()
    with _held(path):
        try:
            with _connected(path) as connection, translated_errors(), connection.begin():
                with opening(path):
                    _prepare(connection, path)
                yield connection
        except BaseException:
            if is_new:
                path.unlink(missing_ok=True)
            raise


def _prepare(connection: Connection, path: Path) -> None:
    if upgrade.revision(connection, str(path)) != upgrade.REVISIONS[-1]:
        upgrade.upgrade(connection)
    check_target(connection, str(path))


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Keep servers from the file."""
    lock = FileLock(path)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _connected(path: Path, *, read_only: bool = False) -> Iterator[Connection]:
    with opening(path):
        connection = connect(path, SqliteOptions(), read_only=read_only)
    with closing(connection):
        yield connection


def _file(url: str) -> Path:
    return database_file(sqlite_url(url))
