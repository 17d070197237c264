"""Changes of status: stored with each commit, read by watchers, removed when they are old.

Positions ascend from the first, also across restarts: the last row stays, however old it is.

A row holds the changes of a commit in their order, as a JSON array with an array for each
execution: how far its key is from that of the execution before it, from 0 at first, and the
statuses that it got. Executions that started together have keys close to each other, and most
get a second status in the same commit, so that a change takes a few bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, takewhile
from operator import attrgetter
from typing import Final

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, select

from branchline.server.storage import lists, reads
from branchline.server.storage.rows import (
    ExecutionFilter,
    ExecutionIdentity,
    ExecutionStatus,
    StatusChange,
    StatusEntry,
    StatusPage,
    StatusStretch,
)
from branchline.server.storage.schema import executions, status_changes

BEFORE_THE_FIRST: Final = 1
"""The position before the first change: 0 is for those that have no position yet."""

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(list[list[int]])

_POSITION: Final = status_changes.c.position
_IDENTITY: Final = tuple(executions.c[name] for name in ExecutionIdentity._fields)
_BY_KEY: Final = select(*_IDENTITY).where(executions.c.key.in_(bindparam("wanted", expanding=True)))


def encode_changes(changes: Sequence[StatusChange]) -> str:
    """The changes of a commit as they are stored."""
    entries: list[list[int]] = []
    last = 0
    for key, group in groupby(changes, attrgetter("key")):
        entries.append([key - last, *(change.status for change in group)])
        last = key
    return _encoder.encode(entries).decode()


def decode_changes(text: str) -> list[StatusChange]:
    """The changes of a commit, from how they are stored."""
    changes: list[StatusChange] = []
    key = 0
    for distance, *statuses in _decoder.decode(text):
        key += distance
        changes += [StatusChange(key, status) for status in statuses]
    return changes


def status_changes_after(
    connection: Connection, position: int, limit: int, limit_size: int
) -> StatusStretch:
    """The rows after a position, in order, with what is known of their executions.

    No further row is read once their texts have ``limit_size`` characters. Executions that are
    gone are left out.
    """
    query = select(*status_changes.c).where(position < _POSITION).order_by(_POSITION).limit(limit)
    found: list[tuple[int, int, list[StatusChange]]] = []
    size = 0
    with connection.execute(query) as rows:
        for row in rows:
            found.append((row.position, row.time, decode_changes(row.changes)))
            size += len(row.changes)
            if size >= limit_size:
                break
    known = _identities(connection, {change.key for _, _, row in found for change in row})
    entries = [
        StatusEntry(
            at,
            time,
            [ExecutionStatus(known[key], status) for key, status in row if key in known],
        )
        for at, time, row in found
    ]
    return StatusStretch(*_kept(connection), entries)


def present_statuses(
    connection: Connection, wanted: ExecutionFilter, before_key: int | None, limit: int
) -> StatusPage:
    """How the newest executions that pass a filter stand, newest first, and as of when."""
    _, head = _kept(connection)
    rows = lists.newest(connection, (*_IDENTITY, executions.c.status), wanted, before_key, limit)
    return StatusPage(
        head, [ExecutionStatus(ExecutionIdentity._make(row[:-1]), row[-1]) for row in rows]
    )


def remove_status_changes(connection: Connection, before: int, limit: int) -> int:
    """Remove the oldest rows as far as they are from before a time. Returns how many.

    Only ever a stretch from the first row on, so that no gap comes into being.
    """
    _, head = _kept(connection)
    query = (
        select(_POSITION, status_changes.c.time)
        .where(head > _POSITION)
        .order_by(_POSITION)
        .limit(limit)
    )
    rows = connection.execute(query).all()
    old = [row.position for row in takewhile(lambda row: row.time < before, rows)]
    if old:
        connection.execute(delete(status_changes).where(old[-1] >= _POSITION))
    return len(old)


def _kept(connection: Connection) -> tuple[int, int]:
    """The first and the last position that one can go on from."""
    first = connection.execute(select(func.min(_POSITION))).scalar()
    last = connection.execute(select(func.max(_POSITION))).scalar()
    if first is None or last is None:
        return BEFORE_THE_FIRST, BEFORE_THE_FIRST
    return first - 1, last


def _identities(connection: Connection, keys: set[int]) -> dict[int, ExecutionIdentity]:
    return {
        row.key: ExecutionIdentity._make(row)
        for chunk in reads.chunks(sorted(keys))
        for row in connection.execute(_BY_KEY, {"wanted": chunk})
    }
