"""What users were told: every line is a promise of the server's."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Literal

import msgspec


class Started(msgspec.Struct, frozen=True, tag=True):
    """An execution was started."""

    execution: str
    shape: str
    n: int
    told: dict[str, list[int]]
    """The numbers that its signals bring, by topic."""
    request: str


class Signaled(msgspec.Struct, frozen=True, tag=True):
    """A signal was taken."""

    execution: str
    topic: str
    signal_id: str
    value: int


class Trying(msgspec.Struct, frozen=True, tag=True):
    """A user is about to cancel: it may happen without being acknowledged."""

    execution: str


class Asked(msgspec.Struct, frozen=True, tag=True):
    """A user's wish was granted."""

    execution: str
    wish: Literal["cancel", "pause", "unpause", "retry"]
    reason: str = ""


class Seen(msgspec.Struct, frozen=True, tag=True):
    """A user was told how an execution ended."""

    execution: str
    status: str


Note = Started | Signaled | Trying | Asked | Seen


class Diary:
    """All of it, in memory and in a file for those who look into a violation."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        self.started: dict[str, Started] = {}
        self.signals: defaultdict[str, list[Signaled]] = defaultdict(list)
        self.wishes: defaultdict[str, list[Asked]] = defaultdict(list)
        self.ends: dict[str, Seen] = {}
        self.tried: set[str] = set()
        """The executions that somebody tried to cancel."""

    def note(self, note: Note) -> None:
        """Write something down."""
        self._file.write(msgspec.json.encode(note) + b"\n")
        self._file.flush()
        match note:
            case Started():
                self.started[note.execution] = note
            case Signaled():
                self.signals[note.execution].append(note)
            case Trying():
                self.tried.add(note.execution)
            case Asked():
                self.wishes[note.execution].append(note)
            case Seen():
                self.ends[note.execution] = note

    def granted(self, execution: str, wish: str) -> list[Asked]:
        """The wishes of a kind that were granted."""
        return [asked for asked in self.wishes[execution] if asked.wish == wish]

    def close(self) -> None:
        """Write no more."""
        self._file.close()
