"""What servers tell each other of what they have stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from branchline.engine.values import NULL
from branchline.server.subscriptions import ProgressNote

T = TypeVar("T")

_LONGEST = 7_500
"""Bytes of a note: the database takes less than 8,000."""

_LONGEST_ENTRIES = 7_000
"""Bytes of the entries of a note; one of them has at most 400 characters of six bytes."""

_LONGEST_MESSAGE = 500
"""Characters of what an activity says, where all of it would be too long to be told elsewhere."""


class Said(msgspec.Struct, frozen=True, array_like=True):
    """What a task's activity has said last."""

    execution_key: int
    task: int
    execution_id: str
    note: ProgressNote


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something has changed; the database has the rest."""

    server: str
    changed: list[str] = []
    """Ids of executions."""
    deleted: list[str] = []
    """Ids of executions that are gone."""
    offers: list[tuple[str, str]] = []
    """Queues and activities of which tasks wait for a worker."""
    gone: list[tuple[int, int]] = []
    """Tasks, by execution and number, that their server has no more."""
    withdrawn: bool = False
    """Whether those are to be stopped, because nobody wants their outcome."""
    statuses: bool = False
    """Whether statuses have changed."""
    said: Said | None = None
    look: bool = False
    """Whether a server has come or gone: whoever shares work looks at it again."""


_encoder = msgspec.json.Encoder()
_encode: Callable[[Note], bytes] = _encoder.encode
_encode_entry: Callable[[object], bytes] = _encoder.encode
_decode = msgspec.json.Decoder(Note).decode


def write_notes(note: Note) -> list[str]:
    """A note as texts that are short enough."""
    parts = [
        *(Note(note.server, changed=some) for some in _groups(note.changed)),
        *(Note(note.server, deleted=some) for some in _groups(note.deleted)),
        *(Note(note.server, offers=some) for some in _groups(note.offers)),
        *(Note(note.server, gone=some, withdrawn=note.withdrawn) for some in _groups(note.gone)),
    ]
    if note.statuses or note.look:
        parts.append(Note(note.server, statuses=note.statuses, look=note.look))
    return [_encode(part).decode() for part in parts]


def write_said(note: Note) -> str:
    """A note of what was said as a text that is short enough, without what is too long for it."""
    text = _encode(note)
    if len(text) > _LONGEST and note.said is not None:
        told = note.said.note
        short = told._replace(data=NULL, message=told.message[:_LONGEST_MESSAGE])
        text = _encode(replace(note, said=replace(note.said, note=short)))
    return text.decode()


def read_note(text: str) -> Note | None:
    """The note of a text; None when it is of a version that this program does not know."""
    try:
        return _decode(text)
    except msgspec.DecodeError:
        return None


def _groups(entries: Sequence[T]) -> Iterator[list[T]]:
    """The entries, as many together as one note can hold."""
    group: list[T] = []
    size = 0
    for entry in entries:
        length = len(_encode_entry(entry)) + 1
        if group and size + length > _LONGEST_ENTRIES:
            yield group
            group, size = [], 0
        group.append(entry)
        size += length
    if group:
        yield group
