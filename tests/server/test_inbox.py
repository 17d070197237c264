"""The inbox: who comes first, and how much it takes."""

from __future__ import annotations

import pytest

from branchline.engine.commands import Signal
from branchline.engine.values import Json
from branchline.server.errors import Reason, ServiceError
from branchline.server.runtime import Command, Room
from branchline.server.runtime.inbox import BYTES_PER_TURN, Inbox

MIB = 1 << 20


def signal(size: int = 0) -> Command:
    """A request with a document of so many bytes."""
    return Command("e", Signal("topic", Json(b"x" * size)))


async def test_the_urgent_come_first_and_what_was_put_back_before_them() -> None:
    inbox = Inbox(Room(10, MIB))
    other, urgent, back, second = (signal() for _ in range(4))
    inbox.add(other)
    inbox.add_urgent(urgent)
    inbox.put_back([back, second])
    assert inbox.take(3) == [back, second, urgent]
    assert inbox.take(3) == [other]
    assert not inbox


@pytest.mark.parametrize("room", [Room(3, MIB), Room(10, 350)], ids=["number", "bytes"])
async def test_there_is_room_again_for_what_was_taken(room: Room) -> None:
    inbox = Inbox(room)
    for _ in range(5):
        for _ in range(3):
            inbox.add(signal(100))
        with pytest.raises(ServiceError) as caught:
            inbox.add(signal(100))
        assert caught.value.reason is Reason.OVERLOADED
        inbox.add_urgent(signal(1_000))
        assert len(inbox.take(10)) == 4


async def test_a_document_larger_than_the_room_is_taken_alone() -> None:
    inbox = Inbox(Room(10, 100))
    inbox.add(signal(1_000))
    with pytest.raises(ServiceError):
        inbox.add(signal(1))
    assert len(inbox.take(10)) == 1
    inbox.add(signal(1))


async def test_a_turn_takes_no_more_documents_than_it_can_soon_store() -> None:
    inbox = Inbox(Room(100, 1 << 40))
    size = BYTES_PER_TURN // 4
    for number in range(10):
        (inbox.add if number % 2 else inbox.add_urgent)(signal(size))
    assert [len(inbox.take(100)) for _ in range(3)] == [4, 4, 2]


async def test_it_is_empty_and_has_room_when_it_was_cleared() -> None:
    inbox = Inbox(Room(10, 100))
    requests = [signal(100), signal()]
    for request in requests:
        inbox.add(request)
    assert inbox.clear() == requests
    assert not inbox
    inbox.add(signal(100))
