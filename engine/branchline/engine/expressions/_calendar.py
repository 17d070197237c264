"""Functions that read timestamps and durations."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from ._calls import Functions, pure, refused, take
from ._times import SECOND, Duration, Timestamp, parse_zone
from ._values import Value


def _reader(name: str, read: Callable[[datetime], int]) -> Callable[..., int]:
    """Make a function that reads a part of a timestamp, in UTC or in a given zone."""

    def part(moment: Value, zone: Value = "UTC") -> int:
        place = parse_zone(take(zone, str, name))
        return read(take(moment, Timestamp, name).at(place))

    return part


def _counter(name: str, unit: int, read: Callable[[datetime], int]) -> Callable[..., int]:
    """Make a function that also counts the units in a duration."""
    part = _reader(name, read)

    def count(value: Value, *zone: Value) -> int:
        if type(value) is Duration and not zone:
            return value.whole(unit)
        return part(value, *zone)

    return count


def _milliseconds(value: Value, *zone: Value) -> int:
    for name in zone:
        parse_zone(take(name, str, "getMilliseconds"))
    if type(value) is Timestamp:
        return value.nanos % SECOND // 1_000_000
    if type(value) is Duration and not zone:
        whole = value.whole(1_000_000)
        return whole % 1000 if whole >= 0 else -(-whole % 1000)
    raise refused("getMilliseconds", value)


_PARTS: Final[dict[str, Callable[[datetime], int]]] = {
    "getFullYear": lambda moment: moment.year,
    "getMonth": lambda moment: moment.month - 1,
    "getDate": lambda moment: moment.day,
    "getDayOfMonth": lambda moment: moment.day - 1,
    "getDayOfWeek": lambda moment: moment.isoweekday() % 7,
    "getDayOfYear": lambda moment: moment.timetuple().tm_yday - 1,
}
_UNITS: Final[dict[str, tuple[int, Callable[[datetime], int]]]] = {
    "getHours": (3600 * SECOND, lambda moment: moment.hour),
    "getMinutes": (60 * SECOND, lambda moment: moment.minute),
    "getSeconds": (SECOND, lambda moment: moment.second),
}

METHODS: Functions = (
    {name: pure(_reader(name, read), 1, 2) for name, read in _PARTS.items()}
    | {name: pure(_counter(name, unit, read), 1, 2) for name, (unit, read) in _UNITS.items()}
    | {"getMilliseconds": pure(_milliseconds, 1, 2)}
)
