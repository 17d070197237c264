"""An activity's waits for signals (semantics 7.7)."""

from __future__ import annotations

import math
from typing import Any, Final

from branchline.client import _json
from branchline.client.durations import Length, in_seconds
from branchline.client.errors import WaitTimedOut
from branchline.v1 import task_pb2

_LONGEST: Final = 315_576_000_000.0
"""Seconds; the API's durations end there."""


class Waiting(BaseException):
    """Stops an activity that waits. No error, so that no handler of errors catches it."""


class Waits:
    """The waits of one run of an activity, those that are over and the one that stops it."""

    __slots__ = ("_calls", "_message", "_used", "pending")

    def __init__(self, message: task_pb2.Task) -> None:
        self.pending: task_pb2.TaskWait | None = None
        """The wait that stops this run, whatever the activity's code makes of it."""
        self._message = message
        self._calls = 0
        self._used: set[str] = set()

    def wait(self, topic: str, timeout: Length, key: str | None) -> Any:  # noqa: ANN401 - JSON is of any type
        """See ``ActivityContext.wait``."""
        seconds = in_seconds(timeout)
        request = _request(topic, seconds, self._key(key))
        key = request.key
        if key in self._message.received_json:
            return _json.decode(self._message.received_json[key])
        if key in self._message.timed_out_waits:
            raise WaitTimedOut(topic, seconds)
        if self.pending is None:
            self.pending = request
        raise Waiting(f"the activity waits for a signal on {topic}")

    def _key(self, given: str | None) -> str:
        """Name the wait: calls without a key are counted."""
        if given is None:
            self._calls += 1
        key = str(self._calls) if given is None else given
        if not key:
            raise ValueError("the key of a wait must not be empty")
        if key in self._used:
            raise ValueError(
                f"the wait {key} is there twice: each wait of a run needs a key of its own"
            )
        self._used.add(key)
        return key


def _request(topic: str, timeout: float, key: str) -> task_pb2.TaskWait:
    if not topic:
        raise ValueError("the topic of a wait must not be empty")
    if not 0 < timeout <= _LONGEST:
        raise ValueError(
            f"the timeout of a wait is in seconds, above 0 and at most {_LONGEST:g}, not {timeout}"
        )
    request = task_pb2.TaskWait(key=key, topic=topic)
    request.timeout.FromMicroseconds(math.ceil(timeout * 1_000_000))
    return request
