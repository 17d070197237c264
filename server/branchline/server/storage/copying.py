"""Moves everything from one database into another, empty one, of whichever dialects.

The other side is one transaction, the schema included: it has all or nothing, whatever happens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, Table, delete, func, insert, literal, select
from sqlalchemy.exc import DBAPIError

from branchline.server.storage import upgrade
from branchline.server.storage.errors import CannotCopy
from branchline.server.storage.schema import meta, metadata

_ROWS: Final = 200
"""How many rows are in memory at once; one may have megabytes."""

TABLES: Final = tuple(table for table in metadata.sorted_tables if table.name != "servers")
"""What is moved: all but who is there at the moment."""


class CopyStep(NamedTuple):
    """How far a table is."""

    table: str
    checking: bool
    """Whether it is read back; else it is copied."""
    done: int
    total: int
    """Rows."""


Progress = Callable[[CopyStep], None]


class Copied(NamedTuple):
    """What was moved and found the same on both sides."""

    rows: dict[str, int]
    """By table."""
    database_id: str
    """It goes along: what workers and watchers hold stays good."""


class _Sum(NamedTuple):
    rows: int
    digest: bytes


def check_source(source: Connection, place: str) -> None:
    """Raise CannotCopy when a database has not the present schema."""
    found = upgrade.revision(source, place)
    if found is None:
        raise CannotCopy(f"The database {place} is empty: there is nothing to copy.")
    if found != upgrade.REVISIONS[-1]:
        raise CannotCopy(
            f"The database {place} is of an earlier version. Start and stop the server on it once:"
            " that upgrades it."
        )


def check_target(target: Connection, place: str) -> None:
    """Raise CannotCopy when a database, which has the schema, holds anything."""
    for table in TABLES:
        if table is not meta and target.execute(select(literal(1)).select_from(table)).first():
            raise CannotCopy(
                f"The database {place} is not empty: the table {table.name} has rows. Name a new"
                " database, or make this one anew."
            )


def copy_all(source: Connection, target: Connection, progress: Progress) -> Copied:
    """Copy all tables and compare what is there then, within the transactions of both.

    Raises CannotCopy when a row can't be stored, or comes back as another.
    """
    target.execute(delete(meta))
    totals = {table: _count(source, table) for table in TABLES}
    sums = {table: _copy(source, target, table, totals[table], progress) for table in TABLES}
    for table, wanted in sums.items():
        found = _sum(target, table, totals[table], progress)
        if found != wanted:
            raise CannotCopy(
                f"The table {table.name} has come out different: {wanted.rows} rows became"
                f" {found.rows}, or their content has changed. Nothing was kept; look at the disks"
                " and the logs of the databases, and try again."
            )
    rows = {table.name: sums[table].rows for table in TABLES}
    return Copied(rows, upgrade.database_id(target))


def _count(source: Connection, table: Table) -> int:
    return int(source.execute(select(func.count()).select_from(table)).scalar_one())


def _copy(
    source: Connection, target: Connection, table: Table, total: int, progress: Progress
) -> _Sum:
    summing = hashlib.sha256()
    done = 0
    for rows in _parts(source, table):
        values = [row._asdict() for row in rows]
        try:
            target.execute(insert(table), values)
        except DBAPIError as error:
            first = tuple(values[0][column.name] for column in table.primary_key)
            raise CannotCopy(
                f"Rows of the table {table.name}, from {first} on, can't be stored: {error.orig}."
            ) from error
        done += _add(summing, rows)
        progress(CopyStep(table.name, checking=False, done=done, total=total))
    return _Sum(done, summing.digest())


def _sum(connection: Connection, table: Table, total: int, progress: Progress) -> _Sum:
    summing = hashlib.sha256()
    done = 0
    for rows in _parts(connection, table):
        done += _add(summing, rows)
        progress(CopyStep(table.name, checking=True, done=done, total=total))
    return _Sum(done, summing.digest())


def _parts(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    """All rows in the order of their key, which is the same in all databases."""
    query = select(table).order_by(*table.primary_key)
    with connection.execute(query, execution_options={"yield_per": _ROWS}) as result:
        yield from result.partitions()


def _add(summing: hashlib._Hash, rows: Sequence[Row[Any]]) -> int:
    for row in rows:
        summing.update(msgspec.json.encode(tuple(row)))
    return len(rows)
