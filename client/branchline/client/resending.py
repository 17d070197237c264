"""Messages that are sent until they are acknowledged. No I/O, no clock."""

from __future__ import annotations

from typing import Final, Generic, Protocol, TypeVar

_MOST_MESSAGES: Final = 1_000
_MOST_BYTES: Final = 2 * 1024 * 1024


class _Sized(Protocol):
    def ByteSize(self) -> int:  # noqa: N802 - protobuf's name
        """The message's size when it is sent."""


Name = TypeVar("Name")
Message = TypeVar("Message", bound=_Sized)


class Resending(Generic[Name, Message]):
    """Messages by name, each in one of three states, in the order in which they came."""

    def __init__(self) -> None:
        self._unsent: dict[Name, Message] = {}
        self._unacknowledged: dict[Name, Message] = {}
        self._refused_for_now: dict[Name, Message] = {}

    @property
    def names(self) -> list[Name]:
        """What is not acknowledged."""
        return [*self._unacknowledged, *self._refused_for_now, *self._unsent]

    @property
    def settled(self) -> bool:
        """Whether all is acknowledged."""
        return not (self._unsent or self._unacknowledged or self._refused_for_now)

    @property
    def some_unsent(self) -> bool:
        """Whether there is something to send."""
        return bool(self._unsent)

    def __contains__(self, name: Name) -> bool:
        return name in self._unsent or name in self._unacknowledged or name in self._refused_for_now

    def add(self, name: Name, message: Message) -> None:
        """Send a message until it is acknowledged."""
        self._unsent[name] = message

    def send(self) -> list[Message]:
        """What goes into one message of the stream; it is unacknowledged from now on."""
        size = 0
        portion: dict[Name, Message] = {}
        for name, message in self._unsent.items():
            size += message.ByteSize()
            if portion and (size > _MOST_BYTES or len(portion) == _MOST_MESSAGES):
                break
            portion[name] = message
        if len(portion) == len(self._unsent):
            self._unsent = {}
        else:
            for name in portion:
                del self._unsent[name]
        self._unacknowledged.update(portion)
        return list(portion.values())

    def acknowledge(self, name: Name) -> Message | None:
        """Take a message out that was answered; None when it was withdrawn meanwhile."""
        return self._unacknowledged.pop(name, None)

    def keep_for_later(self, name: Name, message: Message) -> None:
        """Keep a message that was refused for the moment until ``repeat``."""
        self._refused_for_now[name] = message

    def repeat(self) -> None:
        """Send again what was refused for the moment."""
        self._unsent.update(self._refused_for_now)
        self._refused_for_now.clear()

    def reconnect(self) -> None:
        """Send again everything that is not acknowledged, oldest first."""
        self._unsent = {**self._unacknowledged, **self._refused_for_now, **self._unsent}
        self._unacknowledged = {}
        self._refused_for_now = {}

    def withdraw(self, name: Name) -> None:
        """Forget a message."""
        self._unsent.pop(name, None)
        self._unacknowledged.pop(name, None)
        self._refused_for_now.pop(name, None)

    def forget_all(self) -> None:
        """Forget every message."""
        for kept in (self._unsent, self._unacknowledged, self._refused_for_now):
            kept.clear()

    def largest_unacknowledged(self) -> tuple[int, Name] | None:
        """Bytes and name of the largest message that was sent and not answered."""
        sizes = ((message.ByteSize(), name) for name, message in self._unacknowledged.items())
        return max(sizes, key=lambda pair: pair[0], default=None)
