"""Gives memory back to the kernel that the C library keeps for later."""

from __future__ import annotations

import ctypes
from typing import Final

_trim: Final = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""Of glibc alone: others give back by themselves, or cannot."""


def give_back() -> None:
    """Give back what is free, wherever it lies; takes milliseconds."""
    if _trim is not None:
        _trim(0)
