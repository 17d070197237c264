"""Times that activities are given: durations or seconds."""

from __future__ import annotations

from branchline.client.definitions.durations import parse_duration
from branchline.client.errors import ActivityError

MAX_TIMEOUT = 24 * 60 * 60
"""The longest time that an activity may be given, in seconds."""


def seconds_of(timeout: float | str) -> float:
    """The seconds of a parameter ``timeout``.

    Raises:
        ActivityError: it is no duration, or out of range.

    """
    try:
        if isinstance(timeout, str):
            seconds = parse_duration(timeout).ToNanoseconds() / 1e9
        else:
            seconds = float(timeout)
    except ValueError as error:
        raise ActivityError(f"timeout: {error}") from None
    if not 0 < seconds <= MAX_TIMEOUT:
        raise ActivityError(f"timeout must be above 0 and at most {MAX_TIMEOUT} seconds")
    return seconds
