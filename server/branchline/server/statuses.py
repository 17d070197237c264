"""Statuses as the database keeps them."""

from __future__ import annotations

from branchline.engine import Status

_NUMBERS = {
    Status.RUNNING: 1,
    Status.SUSPENDED: 2,
    Status.PAUSED: 3,
    Status.COMPLETED: 4,
    Status.FAILED: 5,
    Status.CANCELED: 6,
}
_STATUSES = {number: status for status, number in _NUMBERS.items()}

ALL_STATUSES = tuple(_STATUSES)
"""Every status an execution may have, as a number."""


def status_number(status: Status) -> int:
    """The number of an execution's status."""
    return _NUMBERS[status]


def status_of(number: int) -> Status:
    """The status of a number."""
    return _STATUSES[number]


def is_closed(number: int) -> bool:
    """Whether a number stands for the end of an execution."""
    return _STATUSES[number].closed
