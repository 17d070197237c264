"""What activities did, written down outside of everything that can break.

A line is one write to a file opened for appending: lines of several processes do not mix, and
what was written outlives the process that wrote it.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One line: what happened in a delivery of a task."""

    execution: str
    step: str
    item: int
    """0 in a step without items."""
    attempt: int
    delivery: int
    key: str
    """The idempotency key."""

    @property
    def turn(self) -> tuple[int, int]:
        """Attempt and delivery; later ones are greater."""
        return self.attempt, self.delivery


class Run(Entry, frozen=True, kw_only=True):
    """A run of an activity ended."""

    run: str
    """Its own name, which its result carries."""
    end: str
    """``completed``, ``failed``, ``crashed`` or ``stopped`` (by a wait or a cancellation)."""
    began: int
    """When, microseconds since the epoch."""
    x: int | None = None
    """The result, if it completed."""


class Computed(Entry, frozen=True, kw_only=True):
    """A value to record was computed."""

    value: str


class Recalled(Entry, frozen=True, kw_only=True):
    """A recorded value was given to the activity: from now on it is durable."""

    value: str


AnyEntry = Run | Computed | Recalled

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AnyEntry).decode


class Ledger:
    """The file, for those who write."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(self, entry: AnyEntry) -> None:
        """Append a line."""
        line = _encode(entry) + b"\n"
        if os.write(self._file, line) != len(line):
            raise OSError("the ledger took only a part of a line")


def read_ledger(path: Path) -> list[AnyEntry]:
    """All entries, in the order in which they were written."""
    if not path.exists():
        return []
    return [_decode(line) for line in path.read_bytes().splitlines()]
