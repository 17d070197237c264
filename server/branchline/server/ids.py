"""Keys and ids of executions, ascending with the time of their start (semantics 4.3)."""

from __future__ import annotations

import secrets

_EPOCH_MS = 1_735_689_600_000
"""2025-01-01: 41 bits of milliseconds from here reach until 2094."""

_COUNTER_BITS = 22
_LAST_KEY = 2**63 - 1
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class KeyMaker:
    """Makes 63-bit keys that ascend; two makers hardly ever make the same one."""

    def __init__(self) -> None:
        self._last = 0

    def make(self, now: int) -> int:
        """The key of an execution that starts now (microseconds since the epoch)."""
        fresh = first_key(now) | secrets.randbits(_COUNTER_BITS - 2)
        self._last = fresh if fresh > self._last else self._last + 1
        return self._last


def first_key(time: int) -> int:
    """No execution that starts at this time (microseconds since the epoch) has a lower key."""
    return min((time // 1000 - _EPOCH_MS) << _COUNTER_BITS, _LAST_KEY)


def end_key(time: int) -> int:
    """Every execution that starts before this time has a lower key.

    The clock never goes back while a server runs, so no key is ahead of its time.
    """
    # Before the epoch keys are counted from 1.
    return max(first_key(time + 999), 1 << _COUNTER_BITS)


def execution_id(key: int) -> str:
    """``exec_`` and a part that sorts like the key."""
    value, digits = (key << 32) | secrets.randbits(32), []
    for _ in range(19):
        digits.append(_ALPHABET[value & 31])
        value >>= 5
    return "exec_" + "".join(reversed(digits))
