"""Which of the other servers have fallen silent, as one that looks on sees it."""

from __future__ import annotations

from collections.abc import Iterable

from branchline.server.storage import LifeSign


class Silences:
    """Notes when each server has given a new sign of life.

    The database's clock does not decide alone: when it is set forward by an hour, all signs of
    life look old, and when it is set back none does.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        """Seconds."""
        self._noted: dict[str, tuple[int, float]] = {}
        """By server: its last sign of life, and when that was first seen here."""

    def of(self, signs: Iterable[LifeSign], now: float) -> list[LifeSign]:
        """Those that were silent for too long at a moment, monotonic seconds.

        One whose sign looks old at first sight has half of that time to give another.
        """
        before, self._noted = self._noted, {}
        silent = []
        for sign in signs:
            seen, since = before.get(sign.server, (None, now))
            if seen != sign.seen:
                since = now
            self._noted[sign.server] = sign.seen, since
            enough = self._longest / 2 if sign.age > self._longest * 1e6 else self._longest
            if now - since > enough:
                silent.append(sign)
        return silent
