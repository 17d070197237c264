"""Durations as they are written in definition files: ``90s``, ``1h30m``, ``250ms``."""

from __future__ import annotations

import re
from fractions import Fraction

from google.protobuf.duration_pb2 import Duration

_NANOSECONDS = {
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
_OTHER_SPELLINGS = {"\N{MICRO SIGN}s": "us", "\N{GREEK SMALL LETTER MU}s": "us"}
_SECOND = _NANOSECONDS["s"]
_LONGEST = 315_576_000_000 * _SECOND  # what a protobuf Duration may hold
_DIGITS = 30  # no sensible number has more, and longer ones cost time to multiply

_UNIT = "ns|us|\N{MICRO SIGN}s|\N{GREEK SMALL LETTER MU}s|ms|s|m|h"
_NUMBER = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"
_PIECE = re.compile(f"({_NUMBER})({_UNIT})", re.ASCII)

DURATION_PATTERN = f"^[-+]?((?:{_NUMBER})(?:{_UNIT}))+$"
"""A regular expression that every duration matches, for JSON Schema."""

_DURATION = re.compile(DURATION_PATTERN)


def parse_duration(text: str) -> Duration:
    """Reads a duration.

    It is an optional sign and one or more numbers with their units (``ns``, ``us`` or ``µs``,
    ``ms``, ``s``, ``m``, ``h``), without spaces; a number may have a fraction: ``1.5h``.

    Raises:
        ValueError: the text is none, or is finer than a nanosecond or longer than 10,000 years.

    """
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration: write it like 90s, 1h30m or 250ms")
    total = sum((_piece(number, unit) for number, unit in _PIECE.findall(text)), Fraction(0))
    if total > _LONGEST:
        raise ValueError(f"{text!r} is longer than 10000 years")
    nanoseconds = int(total)
    if nanoseconds != total:
        raise ValueError(f"{text!r} is finer than a nanosecond")
    seconds, nanos = divmod(nanoseconds, _SECOND)
    sign = -1 if text.startswith("-") else 1
    return Duration(seconds=sign * seconds, nanos=sign * nanos)


def _piece(number: str, unit: str) -> Fraction:
    if len(number) > _DIGITS:
        raise ValueError(f"a number in a duration has more than {_DIGITS} digits")
    return Fraction(number) * _NANOSECONDS[_OTHER_SPELLINGS.get(unit, unit)]


def format_duration(duration: Duration) -> str:
    """Writes a duration in whole numbers of its units, such as ``1h30m``; nothing is ``0s``."""
    rest = duration.seconds * _SECOND + duration.nanos
    sign = "-" if rest < 0 else ""
    rest = abs(rest)
    pieces = []
    for unit, size in _NANOSECONDS.items():
        count, rest = divmod(rest, size)
        if count:
            pieces.append(f"{count}{unit}")
    return sign + "".join(pieces) if pieces else "0s"
