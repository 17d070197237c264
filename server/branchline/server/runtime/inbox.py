"""What waits to be decided, by number and by bytes of documents."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from branchline.engine.commands import CompleteTask, RecordValue, Signal
from branchline.engine.values import Variables
from branchline.server.errors import overloaded
from branchline.server.runtime.requests import (
    AnyRequest,
    Command,
    ReportOutcome,
    ReportRecord,
    Start,
)

BYTES_PER_TURN: Final = 8 << 20
"""How many bytes of documents one turn takes, and one request more, so that none waits long for a
commit that has much to write."""


class Room(NamedTuple):
    """How much an inbox takes of what may be refused."""

    requests: int
    size: int
    """Bytes of their documents; a single request may have more."""


class Inbox:
    """Requests in the order in which they came, the urgent ones first."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._urgent: deque[AnyRequest] = deque()
        """Outcomes, time and reads: they are let in first and never refused for load."""
        self._others: deque[AnyRequest] = deque()
        self._size = 0
        """Bytes of the others."""

    def __bool__(self) -> bool:
        return bool(self._urgent or self._others)

    def add(self, request: AnyRequest) -> None:
        """Take in what a caller wants. Raises ``ServiceError`` when there is no room."""
        size = _document_size(request)
        self.check(size)
        self._others.append(request)
        self._size += size

    def check(self, size: int = 0) -> None:
        """Raise ``ServiceError`` when there is no room for a request of so many bytes."""
        full = len(self._others) >= self._room.requests
        if full or (self._others and self._size + size > self._room.size):
            raise overloaded()

    def add_urgent(self, request: AnyRequest) -> None:
        """Take in what must not wait behind callers."""
        self._urgent.append(request)

    def put_back(self, requests: Iterable[AnyRequest]) -> None:
        """Have requests taken again, before all others and in the same order."""
        self._urgent.extendleft(reversed([*requests]))

    def take(self, most: int) -> list[AnyRequest]:
        """The next requests, so many at most, and as many as are not too large together."""
        taken: list[AnyRequest] = []
        size = 0
        while self and len(taken) < most and size < BYTES_PER_TURN:
            urgent = bool(self._urgent)
            request = (self._urgent if urgent else self._others).popleft()
            taken.append(request)
            its_size = _document_size(request)
            size += its_size
            if not urgent:
                self._size -= its_size
        return taken

    def clear(self) -> list[AnyRequest]:
        """All that waits, which then does so no longer."""
        requests = [*self._urgent, *self._others]
        self._urgent.clear()
        self._others.clear()
        self._size = 0
        return requests


def _document_size(request: AnyRequest) -> int:
    """Bytes of the documents that a request carries."""
    match request:
        case Start():
            return _size(request.inputs)
        case Command(command=Signal(payload=document)):
            return len(document)
        case ReportOutcome(command=CompleteTask(result=result, set=variables)):
            return len(result) + _size(variables)
        case ReportRecord(command=RecordValue(value=document)):
            return len(document)
        case _:
            return 0


def _size(variables: Variables) -> int:
    return sum(map(len, variables.values()))
