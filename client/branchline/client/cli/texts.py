"""Values as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_LONGEST_VALUE: Final = 2_000
"""Characters of a JSON value that are shown to people."""

STYLES: Final = {
    "RUNNING": "cyan",
    "WAITING": "yellow",
    "SUSPENDED": "yellow",
    "PAUSED": "blue",
    "COMPLETED": "green",
    "FAILED": "red",
    "CANCELED": "magenta",
}
"""The colours of statuses on a terminal."""


def one_line(text: str) -> str:
    """Write what could break a line, or command a terminal, as an escape."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def local_time(time: datetime | None) -> str:
    """Write a point of time in the local time zone, to the second."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S") if time else ""


def precise_time(time: datetime | None) -> str:
    """Write a point of time in the local time zone, to the millisecond."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] if time else ""


def clock_time(time: datetime | None) -> str:
    """Write the local time of day, to the millisecond."""
    return time.astimezone().strftime("%H:%M:%S.%f")[:-3] if time else ""


def duration(length: timedelta) -> str:
    """Write a length of time in its one or two largest units, such as ``3.2s`` or ``2m05s``."""
    seconds = length.total_seconds()
    whole = round(seconds)
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    if seconds < 10:  # noqa: PLR2004 - a figure after the point while there is one before it
        return f"{seconds:.1f}s"
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d{whole % _DAY // _HOUR:02}h"


def json_text(value: Any) -> str:  # noqa: ANN401 - JSON is of any type
    """Write a JSON value on one line; a long one is cut."""
    import msgspec

    text = one_line(msgspec.json.encode(value).decode())
    if len(text) <= _LONGEST_VALUE:
        return text
    return f"{text[:_LONGEST_VALUE]}... ({len(text)} characters, --json shows all)"
