"""Keys and ids of executions, ascending with the time of their start (semantics 4.3)."""

from __future__ import annotations

import secrets

_EPOCH_MS = 1_735_689_600_000
"""2025-01-01: 41 bits of milliseconds from here reach until 2094."""

_COUNTER_BITS = 22
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class KeyMaker:
    """Makes 63-bit keys that ascend; two makers hardly ever make the same one."""

    def __init__(self) -> None:
        self._last = 0

    def make(self, now: int) -> int:
        """The key of an execution that starts now (microseconds since the epoch)."""
        fresh = ((now // 1000 - _EPOCH_MS) << _COUNTER_BITS) | secrets.randbits(_COUNTER_BITS - 2)
        self._last = fresh if fresh > self._last else self._last + 1
        return self._last


def execution_id(key: int) -> str:
    """``exec_`` and a part that sorts like the key."""
    value, digits = (key << 32) | secrets.randbits(32), []
    for _ in range(19):
        digits.append(_ALPHABET[value & 31])
        value >>= 5
    return "exec_" + "".join(reversed(digits))
