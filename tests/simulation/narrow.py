"""The server's sizes, so small that even a small run goes beyond them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import ModuleType
from typing import Final
from uuid import UUID

from branchline.server import (
    backlog,
    cancellations,
    executions,
    ids,
    status_feed,
    status_watching,
    subscriptions,
    timers,
)
from branchline.server.cluster import cluster, notes
from branchline.server.dispatch import dispatcher, shared
from branchline.server.runtime import following, inbox, live, runtime
from branchline.server.storage import postgres_peers

_Size = tuple[ModuleType, str, tuple[float, ...]]

_SIZES: Final[tuple[tuple[_Size, ...], ...]] = (
    # The backlog must not want to fill up to more than is kept.
    ((backlog, "_LOW", (1, 2)), (dispatcher, "MOST_READY", (2, 4))),
    ((backlog, "_PAGE", (1, 2)),),
    ((executions, "_ROWS_A_READ", (1, 2)),),
    ((following, "MOST_CANCELLATIONS", (0, 1)), (cancellations, "PORTION", (1, 2))),
    ((live, "_SMALLEST_SPAN", (0, 500, 5_000)),),
    ((runtime, "MOST_PER_TURN", (1, 2)),),
    ((inbox, "BYTES_PER_TURN", (1, 20)),),
    ((status_feed, "_MOST_ENTRIES", (1, 3)),),
    ((status_feed, "_MOST_RECENT", (1, 4)),),
    ((status_watching, "_PAGE", (1, 2)),),
    ((subscriptions, "_MOST_KEPT", (1, 2)),),
    ((timers, "HORIZON", (500_000, 2_000_000)),),
    ((timers, "_PAGE", (1, 2)),),
    ((cluster, "BEAT", (0.2,)), (cluster, "SILENCE", (1.0, 2.0))),
    ((notes, "_LONGEST_ENTRIES", (30, 200)),),
    ((shared, "_MOST_PULLS", (1,)), (shared, "_MOST_PULLED", (1, 2))),
)
"""What is made small together."""


class _Dice:
    """Stands where the server takes random bits for ids and keys."""

    def __init__(self, random: Random) -> None:
        self.randbits = random.getrandbits

    def uuid4(self) -> UUID:
        return UUID(int=self.randbits(128))


_STANDINS: Final = ((ids, "secrets"), (postgres_peers, "uuid4"))
"""What the server's modules have from elsewhere."""


@contextmanager
def narrowed(random: Random) -> Iterator[list[str]]:
    """Make some sizes small, and chance the seed's, while the context lasts; tells which."""
    names = [(module, name) for group in _SIZES for module, name, _ in group]
    before = [(module, name, getattr(module, name)) for module, name in (*names, *_STANDINS)]
    dice = _Dice(random)
    standins = (dice, dice.uuid4)
    chosen = []
    share = random.choice((0.0, 0.2, 0.7))
    try:
        for (module, name), standin in zip(_STANDINS, standins, strict=True):
            setattr(module, name, standin)
        for group in _SIZES:
            if random.random() >= share:
                continue
            for module, name, sizes in group:
                size = random.choice(sizes)
                setattr(module, name, size)
                chosen.append(f"{module.__name__.rpartition('.')[2]}.{name} = {size}")
        yield chosen
    finally:
        for module, name, value in before:
            setattr(module, name, value)
