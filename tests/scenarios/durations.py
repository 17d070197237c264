"""Durations as scenario files write them."""

from __future__ import annotations

import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_PIECE = r"([0-9]+(?:\.[0-9]+)?)(ns|us|ms|s|m|h)"


def seconds(text: str) -> float:
    """The seconds of a duration such as ``250ms`` or ``1h30m``.

    Raises ``ValueError`` when the text is none.
    """
    if not re.fullmatch(f"(?:{_PIECE})+", text):
        raise ValueError(f"{text!r} is no duration: write it like 90s, 1h30m or 250ms")
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PIECE, text))
