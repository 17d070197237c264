"""A copy of a SQLite file, as of one moment, while a server goes on writing to it.

The copy is made within one read transaction. With a write-ahead log that blocks nobody; the log
grows until the copy is done, because what the copy still reads can't be taken out of it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from branchline.server.storage import upgrade
from branchline.server.storage.errors import CannotCopy, StoreUnavailable
from branchline.server.storage.sqlite import database_file
from branchline.server.storage.sqlite_connection import opening, translated_errors
from branchline.server.storage.urls import is_postgres, sqlite_url

_PAGES: Final = 2_560
"""How many pages, of 4 KiB, are copied between two reports of progress."""

Progress = Callable[[int, int], None]
"""Told how many pages are copied, and of how many."""


class Backup(NamedTuple):
    """A backup that was made and found sound."""

    path: Path
    size: int
    """Bytes."""
    database_id: str


def back_up(url: str, to: Path, progress: Progress | None = None) -> Backup:
    """Copy the SQLite file that a URL names, check the copy, and give it its name.

    The file ``to`` is there only when all of that went well. Raises CannotCopy, which names the
    remedy, and CannotOpen, when the URL names no database of Branchline's.
    """
    if is_postgres(url):
        raise CannotCopy(
            "This backs up SQLite files. Back up PostgreSQL with pg_dump, or by archiving its log."
        )
    source = database_file(sqlite_url(url))
    if not source.is_file():
        raise CannotCopy(f"There is no database {source}. Name the file that the server uses.")
    to = to.absolute()
    _refuse_existing(to)
    with _unfinished(to) as partial:
        with _reading(source) as original:
            with opening(source):
                wanted = _identity(original, source)
            _copy(original, partial, progress)
        _check(partial, wanted)
        _sync(partial)
        _name(partial, to)
    _sync(to.parent)
    return Backup(to, to.stat().st_size, wanted)


@contextmanager
def _reading(source: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can't write."""
    with opening(source):
        connection = sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, isolation_level=None)
    with closing(connection):
        yield connection


def _copy(original: sqlite3.Connection, partial: Path, progress: Progress | None) -> None:
    def report(_status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(total - remaining, total)

    try:
        with (
            translated_errors(),
            closing(sqlite3.connect(partial, isolation_level=None)) as copy,
        ):
            # In a transaction the original stands still; its first read says as of when.
            original.execute("BEGIN")
            original.execute("SELECT count(*) FROM sqlite_master").fetchone()
            original.backup(copy, pages=_PAGES, progress=report)
            # One file is the whole backup then; a server that opens it changes that back.
            copy.execute("PRAGMA journal_mode = DELETE").fetchone()
    except StoreUnavailable as error:
        raise CannotCopy(
            f"The copy {partial} can't be made: {error.__cause__}. Look for room on the disk, or"
            " name a file elsewhere."
        ) from error


def _check(partial: Path, database_id: str) -> None:
    with opening(partial), closing(sqlite3.connect(partial)) as copy:
        found = [str(row[0]) for row in copy.execute("PRAGMA integrity_check(1)")]
        if found != ["ok"] or _identity(copy, partial) != database_id:
            raise CannotCopy(
                f"The copy is not sound ({found[0]}), and so perhaps the database is not: check"
                " it with PRAGMA integrity_check of the program sqlite3, and the disks."
            )


def _identity(raw: sqlite3.Connection, path: Path) -> str:
    """The id of a database, once it is known to be one of Branchline's."""
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    with engine.connect() as connection:
        if upgrade.revision(connection, str(path)) is None:
            raise CannotCopy(f"The database {path} is empty: no server has used it yet.")
        return upgrade.database_id(connection)


@contextmanager
def _unfinished(to: Path) -> Iterator[Path]:
    """A file beside the one to be made, removed at the end whatever has happened."""
    partial = to.with_name(to.name + ".partial")
    try:
        partial.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise CannotCopy(
            f"The file {partial} of another backup is there. Remove it if none is under way."
        ) from None
    except OSError as error:
        raise CannotCopy(f"The file {partial} can't be written: {error.strerror}.") from error
    try:
        yield partial
    finally:
        for suffix in ("", "-journal"):
            partial.with_name(partial.name + suffix).unlink(missing_ok=True)


def _refuse_existing(to: Path) -> None:
    if to.exists():
        raise CannotCopy(f"The file {to} is there already. Name a new one, or remove it first.")


def _name(partial: Path, to: Path) -> None:
    _refuse_existing(to)
    partial.rename(to)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
