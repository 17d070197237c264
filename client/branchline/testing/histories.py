"""Histories in the SDK's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from branchline.client.types import Event
from branchline.engine import events as e
from branchline.testing.clock import moment

_NAMES: Final = {"queue": "task_queue", "execution": "execution_id", "executions": "execution_ids"}
"""What the API calls the engine's fields."""

_READERS: Final[Mapping[str, Callable[[int], object]]] = {
    "deadline": moment,
    "due": moment,
    "time": moment,
    "until": moment,
    "heartbeat_timeout": lambda micros: timedelta(microseconds=micros),
    "schedule_timeout": lambda micros: timedelta(microseconds=micros),
    "timeout": lambda micros: timedelta(microseconds=micros),
}


def told(history: Iterable[tuple[int, e.Event]]) -> list[Event]:
    """The events of a history, numbered from 1, as a client tells them."""
    return [
        Event(number, moment(time), str(event.__struct_config__.tag), _data(event))
        for number, (time, event) in enumerate(history, 1)
    ]


def _data(part: msgspec.Struct) -> dict[str, Any]:
    return {
        _NAMES.get(name, name): _value(name, getattr(part, name)) for name in part.__struct_fields__
    }


def _value(name: str, value: object) -> object:
    """A part of an event in plain values; texts and truths are plain already."""
    result = value
    match value:
        case msgspec.Raw():
            result = msgspec.json.decode(value)
        case msgspec.Struct():
            result = _data(value)
        case tuple():
            result = [_value("", one) for one in value]
        case dict():
            result = {key: _value("", one) for key, one in value.items()}
        case int() if name in _READERS:
            result = _READERS[name](value)
        case _:
            pass
    return result
