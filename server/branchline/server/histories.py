"""Histories as the database keeps them: a row holds the events of one transition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from branchline.engine import Execution, evolve
from branchline.engine.events import AnyEvent, Event
from branchline.server.storage import HistoryRow, SnapshotRow

_encode_events = msgspec.json.Encoder().encode
_decode_events = msgspec.json.Decoder(list[AnyEvent]).decode
_decode_state = msgspec.json.Decoder(Execution).decode


def history_row(key: int, last_sequence: int, time: int, events: Sequence[Event]) -> HistoryRow:
    """The row of a transition's events, of which the last has the given number."""
    text = _encode_events(events).decode()
    return HistoryRow(key, last_sequence - len(events) + 1, last_sequence, time, text)


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
    return SnapshotRow(key, state.sequence, _encode_events(state).decode())


def rebuild(
    execution_id: str, snapshot: SnapshotRow | None, rows: Iterable[HistoryRow]
) -> Execution:
    """The state after a snapshot, if there is one, and the rows behind it (semantics 12.1)."""
    state = Execution(id=execution_id) if snapshot is None else _decode_state(snapshot.state)
    for number, time, event in numbered_events(rows):
        if number > state.sequence:
            evolve(state, event, time)
    return state
