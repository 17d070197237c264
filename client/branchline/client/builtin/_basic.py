"""The activities ``print``, ``time`` and ``fail``."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

from branchline.client.activities import activity
from branchline.client.builtin._documents import write
from branchline.client.errors import ActivityError


@activity(name="print")
def print_message(message: Any = "") -> Any:  # noqa: ANN401 - JSON is of any type
    """Print the message on the worker's standard output and give it back.

    Text is printed as it is, any other value as compact JSON.
    """
    text = message if isinstance(message, str) else write(message)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    return message


@activity(name="time")
def tell_time(utc: bool = False, format: str | None = None) -> str:  # noqa: A002, FBT001, FBT002 - the parameters' documented names, given by name
    """Tell the worker's time, local or UTC.

    Without a format it is RFC 3339 text with microseconds and the offset, ``Z`` for UTC. A format
    is one of ``strftime``.

    Raises:
        ActivityError: the format can't be used.

    """
    now = dt.datetime.now(dt.UTC)
    if not utc:
        now = now.astimezone()
    if format is None:
        return now.isoformat(timespec="microseconds").replace("+00:00", "Z")
    try:
        return now.strftime(format)
    except ValueError as error:
        raise ActivityError(f"the format {format!r} can't be used: {error}") from None


@activity(name="fail")
def fail(
    message: str = "failed on purpose",
    type: str = "activity_failed",  # noqa: A002 - the parameter's documented name
    details: Any = None,  # noqa: ANN401 - JSON is of any type
) -> None:
    """Fail with this message, error type and details.

    Raises:
        ActivityError: always.

    """
    raise ActivityError(message, type=type or "activity_failed", details=details)
