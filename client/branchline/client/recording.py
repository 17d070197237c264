"""The values that an activity records (semantics 7.8)."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final

from branchline.client import _json
from branchline.client.asking import awaited, blocked_for, must_be_in_thread
from branchline.client.connection import LARGEST
from branchline.client.errors import ActivityError
from branchline.client.hosting import Host
from branchline.v1 import task_pb2

INVALID_RECORD: Final = "invalid_record"
PAYLOAD_TOO_LARGE: Final = "payload_too_large"

_DURABLE: Final[Future[None]] = Future()
_DURABLE.set_result(None)


class Records:
    """The values of one run of an activity: those that came with the task, and new ones."""

    __slots__ = ("_computing", "_guard", "_host", "_message", "_sent")

    def __init__(self, message: task_pb2.Task, host: Host) -> None:
        self._message = message
        self._host = host
        self._sent: dict[str, tuple[str, Future[None]]] = {}
        self._computing: set[str] = set()
        self._guard = threading.Lock()

    async def record(self, key: str, value: object) -> Any:  # noqa: ANN401 - JSON is of any type
        """See ``ActivityContext.record``."""
        _check(key, value)
        with self._only_one(key):
            text, durable = self._known(key)
            if durable is None:
                result = value() if callable(value) else value
                if inspect.isawaitable(result):
                    result = await result
                text, durable = self._send(key, result)
        await awaited(durable)
        return _json.decode(text)

    def record_blocking(self, key: str, value: object) -> Any:  # noqa: ANN401 - JSON is of any type
        """See ``ActivityContext.record_blocking``."""
        must_be_in_thread(self._host)
        _check(key, value)
        if inspect.iscoroutinefunction(value):
            raise TypeError("record_blocking cannot call an async function: use record")
        with self._only_one(key):
            text, durable = self._known(key)
            if durable is None:
                text, durable = self._send(key, value() if callable(value) else value)
        blocked_for(durable)
        return _json.decode(text)

    def _known(self, key: str) -> tuple[str, Future[None] | None]:
        """The value's text, and what tells when it is durable; None when it must be computed."""
        if key in self._message.recorded_json:
            return self._message.recorded_json[key], _DURABLE
        text, sent = self._sent.get(key, ("", None))
        refused = sent is not None and sent.done() and not sent.cancelled() and sent.exception()
        return (text, None) if refused else (text, sent)

    @contextmanager
    def _only_one(self, key: str) -> Iterator[None]:
        """Of two values the server would keep the first, and both callers go on with their own."""
        with self._guard:
            if key in self._computing:
                raise ValueError(f"the value of {key} is being computed already: wait for it")
            self._computing.add(key)
        try:
            yield
        finally:
            self._computing.discard(key)

    def _send(self, key: str, value: object) -> tuple[str, Future[None]]:
        try:
            text = _json.encode(value, f"the value of {key}")
        except ValueError as error:
            raise ActivityError(str(error), INVALID_RECORD) from error
        record = task_pb2.TaskRecord(token=self._message.token, key=key, value_json=text)
        if record.ByteSize() > LARGEST:
            raise ActivityError(
                f"the value of {key} is too large: {record.ByteSize()} bytes, "
                f"at most {LARGEST} can be sent",
                PAYLOAD_TOO_LARGE,
            )
        sent = self._sent[key] = text, self._host.record(record)
        return sent


def refused_record(ack: task_pb2.RecordAck) -> ActivityError:
    """What an activity is told when the server does not take a value."""
    kind = PAYLOAD_TOO_LARGE if ack.reason == "PAYLOAD_TOO_LARGE" else INVALID_RECORD
    problem = ack.message or ack.reason
    return ActivityError(f"the server does not take the value of {ack.key}: {problem}", kind)


def _check(key: str, value: object) -> None:
    if not key:
        raise ValueError("the key of a value must not be empty")
    if inspect.isawaitable(value):
        if asyncio.iscoroutine(value):
            value.close()
        raise TypeError(f"the value of {key} is at work already: give the function, not its call")
