"""The server's sizes, so small that even a small run goes beyond them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import ModuleType
from typing import Final

from branchline.server import (
    backlog,
    executions,
    ids,
    status_feed,
    status_watching,
    subscriptions,
    timers,
)
from branchline.server.dispatch import dispatcher
from branchline.server.runtime import live, runtime

_Size = tuple[ModuleType, str, tuple[int, ...]]

_SIZES: Final[tuple[tuple[_Size, ...], ...]] = (
    # The backlog must not want to fill up to more than is kept.
    ((backlog, "_LOW", (1, 2)), (dispatcher, "MOST_READY", (2, 4))),
    ((backlog, "_PAGE", (1, 2)),),
    ((executions, "_ROWS_A_READ", (1, 2)),),
    ((live, "_SMALLEST_SPAN", (0, 500, 5_000)),),
    ((runtime, "MOST_PER_TURN", (1, 2)),),
    ((status_feed, "_MOST_ENTRIES", (1, 3)),),
    ((status_feed, "_MOST_RECENT", (1, 4)),),
    ((status_watching, "_PAGE", (1, 2)),),
    ((subscriptions, "_MOST_KEPT", (1, 2)),),
    ((timers, "HORIZON", (500_000, 2_000_000)),),
    ((timers, "_PAGE", (1, 2)),),
)
"""What is made small together."""


class _Dice:
    """Stands where the server takes random bits for ids and keys."""

    def __init__(self, random: Random) -> None:
        self.randbits = random.getrandbits


@contextmanager
def narrowed(random: Random) -> Iterator[list[str]]:
    """Make some sizes small, and chance the seed's, while the context lasts; tells which."""
    before = [
        (module, name, getattr(module, name)) for group in _SIZES for module, name, _ in group
    ]
    chosen = []
    share = random.choice((0.0, 0.2, 0.7))
    try:
        setattr(ids, "secrets", _Dice(random))  # noqa: B010 - it is no name of that module's own
        for group in _SIZES:
            if random.random() >= share:
                continue
            for module, name, sizes in group:
                size = random.choice(sizes)
                setattr(module, name, size)
                chosen.append(f"{module.__name__.rpartition('.')[2]}.{name} = {size}")
        yield chosen
    finally:
        setattr(ids, "secrets", secrets)  # noqa: B010
        for module, name, size in before:
            setattr(module, name, size)
