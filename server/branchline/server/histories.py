"""Histories as the database keeps them: a row holds events of one transition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from branchline.engine import Execution, evolve
from branchline.engine.events import AnyEvent, Event
from branchline.server.storage import HistoryRow, SnapshotRow

_encode = msgspec.json.Encoder().encode
_decode_events = msgspec.json.Decoder(list[AnyEvent]).decode
_decode_state = msgspec.json.Decoder(Execution).decode

_MOST_EVENTS = 1_000
"""How many events a row holds."""

_FEW_EVENTS = 20
"""So many are encoded together, and hardly ever in vain."""

_MOST_BYTES = 256 * 1024
"""How many bytes they take, unless a single one takes more."""


def history_rows(
    key: int, last_sequence: int, time: int, events: Sequence[Event]
) -> list[HistoryRow]:
    """The rows of a transition's events, of which the last has the given number.

    A large transition takes several rows, so that reading a few events never means decoding
    many.
    """
    rows = []
    first = last_sequence - len(events) + 1
    if len(events) <= _FEW_EVENTS:
        text = _encode(events)
        if len(text) <= _MOST_BYTES:
            return [HistoryRow(key, first, last_sequence, time, text.decode())]
    for texts in _groups(events):
        last = first + len(texts) - 1
        text = b"[" + b",".join(texts) + b"]"
        rows.append(HistoryRow(key, first, last, time, text.decode()))
        first = last + 1
    return rows


def _groups(events: Iterable[Event]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    size = 0
    for text in map(_encode, events):
        if group and (len(group) >= _MOST_EVENTS or size + len(text) > _MOST_BYTES):
            yield group
            group, size = [], 0
        group.append(text)
        size += len(text)
    if group:
        yield group


def events_of(row: HistoryRow) -> list[AnyEvent]:
    """The events of a row."""
    return _decode_events(row.events)


def numbered_events(rows: Iterable[HistoryRow]) -> Iterator[tuple[int, int, Event]]:
    """(sequence, time, event) of all rows."""
    for row in rows:
        for number, event in enumerate(events_of(row), start=row.first_sequence):
            yield number, row.time, event


def snapshot_row(key: int, state: Execution) -> SnapshotRow:
    """The row of a state, standing for the events before it."""
    return SnapshotRow(key, state.sequence, _encode(state).decode())


def rebuild(
    execution_id: str, snapshot: SnapshotRow | None, rows: Iterable[HistoryRow]
) -> Execution:
    """The state after a snapshot, if there is one, and the rows behind it (semantics 12.1)."""
    state = Execution(id=execution_id) if snapshot is None else _decode_state(snapshot.state)
    for number, time, event in numbered_events(rows):
        if number > state.sequence:
            evolve(state, event, time)
    return state
