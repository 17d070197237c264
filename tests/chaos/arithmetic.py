"""The sums that activities do and the checker does again."""

from __future__ import annotations

from collections.abc import Iterable

_MODULUS = 1_000_003


def advanced(x: int, by: int) -> int:
    """A step on; the order of steps matters, so that none can be swapped, lost or repeated."""
    return (x * 3 + by) % _MODULUS


def combined(x: int, parts: Iterable[int]) -> int:
    """A step on for each part, in order."""
    for part in parts:
        x = advanced(x, part)
    return x
