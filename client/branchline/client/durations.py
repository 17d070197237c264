"""Lengths of time as callers give them."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeAlias

Length: TypeAlias = float | timedelta
"""A length of time: seconds, or a ``timedelta``."""


def in_seconds(length: Length) -> float:
    """The seconds of a length of time."""
    return length.total_seconds() if isinstance(length, timedelta) else length


def in_seconds_if_given(length: Length | None) -> float | None:
    """The seconds of a length of time; None stays None."""
    return None if length is None else in_seconds(length)
