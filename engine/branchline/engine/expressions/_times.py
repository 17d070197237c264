"""Points in time and spans of time, exact to the nanosecond."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from ._errors import ExpressionError, shown

SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_NANOS = -62_135_596_800 * SECOND
_LAST_NANOS = 253_402_300_800 * SECOND - 1
_LONGEST_NANOS = 2**63 - 1
_MINUTES_PER_HOUR = 60
_LONGEST_TEXT = 100

_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,9}))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_PART = re.compile(r"([0-9]{1,19})?(?:\.([0-9]{0,19}))?(h|ms|m|s|us|µs|ns)")
_OFFSET = re.compile(r"([+-]?)([0-9]{2}):([0-9]{2})")
_UNITS = {
    "h": 3600 * SECOND,
    "m": 60 * SECOND,
    "s": SECOND,
    "ms": 1_000_000,
    "us": 1_000,
    "µs": 1_000,
    "ns": 1,
}


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """A point in time: nanoseconds since 1970-01-01T00:00:00Z, in the years 1 to 9999."""

    nanos: int

    def __post_init__(self) -> None:
        """Refuse what RFC 3339 can't write."""
        if not _FIRST_NANOS <= self.nanos <= _LAST_NANOS:
            raise ExpressionError("the timestamp is outside of the years 1 to 9999")

    def __str__(self) -> str:
        """Write it in RFC 3339, in UTC."""
        seconds, nanos = divmod(self.nanos, SECOND)
        moment = _EPOCH + timedelta(seconds=seconds)
        return f"{moment.replace(tzinfo=None).isoformat()}{_fraction(nanos)}Z"

    def at(self, zone: tzinfo) -> datetime:
        """Give the calendar time, to the second, in a time zone."""
        moment = _EPOCH + timedelta(seconds=self.nanos // SECOND)
        try:
            return moment.astimezone(zone)
        except OverflowError:
            raise ExpressionError("the local time is outside of the years 1 to 9999") from None


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span of time: nanoseconds, in 64 bits (about 292 years)."""

    nanos: int

    def __post_init__(self) -> None:
        """Refuse what 64 bits can't hold."""
        if not -_LONGEST_NANOS - 1 <= self.nanos <= _LONGEST_NANOS:
            raise ExpressionError("the duration is longer than 292 years")

    def __str__(self) -> str:
        """Write it in seconds, as in `90s` and `0.25s`."""
        seconds, nanos = divmod(abs(self.nanos), SECOND)
        sign = "-" if self.nanos < 0 else ""
        return f"{sign}{seconds}{_fraction(nanos)}s"

    def whole(self, unit: int) -> int:
        """Count the whole units, each so many nanoseconds, toward zero."""
        count = abs(self.nanos) // unit
        return -count if self.nanos < 0 else count


def _fraction(nanos: int) -> str:
    return f".{nanos:09d}".rstrip("0") if nanos else ""


def parse_timestamp(text: str) -> Timestamp:
    """Read a time in RFC 3339, as in `2024-05-01T12:30:00.5+02:00`."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise _not_a("timestamp", text)
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups()[6:]
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        offset = _offset(sign, offset_hours, offset_minutes) if sign else timedelta()
    except ValueError:
        raise _not_a("timestamp", text) from None
    seconds = (moment - _EPOCH) // timedelta(seconds=1) - offset // timedelta(seconds=1)
    return Timestamp(seconds * SECOND + int((fraction or "").ljust(9, "0")))


def parse_duration(text: str) -> Duration:
    """Read a duration, as in `1h30m`, `-1.5h`, `250ms` and `0`."""
    sign = -1 if text.startswith("-") else 1
    if len(text) > _LONGEST_TEXT:
        raise _not_a("duration", text)
    rest = text[1:] if text[:1] in {"-", "+"} else text
    if rest == "0":
        return Duration(0)
    nanos, position = 0, 0
    while position < len(rest) or not position:
        match = _PART.match(rest, position)
        if match is None or not (match[1] or match[2]):
            raise _not_a("duration", text)
        nanos += _part_nanos(match[1] or "0", match[2] or "", _UNITS[match[3]])
        position = match.end()
    return Duration(sign * nanos)


def _part_nanos(whole: str, fraction: str, unit: int) -> int:
    scale: int = 10 ** len(fraction)
    return int(whole) * unit + int(fraction or "0") * unit // scale


def parse_zone(name: str) -> tzinfo:
    """Find a time zone by its IANA name, or by its offset, as in `+05:30`."""
    if name == "UTC":
        return UTC
    match = _OFFSET.fullmatch(name)
    if match is not None:
        try:
            return timezone(_offset(match[1], match[2], match[3]))
        except ValueError:
            raise _no_zone(name) from None
    if name not in _zone_names():
        raise _no_zone(name)
    return _zone(name)


@cache
def _zone_names() -> frozenset[str]:
    """List the zones once, so that a loop over unknown names does not search the disk."""
    return frozenset(available_timezones())


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _no_zone(name: str) -> ExpressionError:
    return ExpressionError(f"there is no time zone {shown(name)}")


def _offset(sign: str, hours: str, minutes: str) -> timedelta:
    if int(minutes) >= _MINUTES_PER_HOUR:
        raise ValueError(minutes)
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    timezone(offset)  # checks the range
    return -offset if sign == "-" else offset


def _not_a(kind: str, text: str) -> ExpressionError:
    return ExpressionError(f"{shown(text)} is not a {kind}")
