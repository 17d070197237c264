"""What may go wrong in a run, and how often: drawn by its seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """Probabilities, and spans in seconds. All faults end at a time."""

    trouble: float
    """How long faults happen."""
    latency: float
    """The longest of usual delays of messages."""
    commit_time: float
    """The longest of usual commits."""
    slow_commit: float
    store_fails: float
    lost: float
    """A call's request or its answer is lost."""
    crash_in_commit: float
    mischief: float
    """What a worker does with a task or a message."""
    blows: int
    """How often something happens to the server or a worker."""
    max_inbox: int
    servers: int
    """How many there are; more than one share the database."""
    in_doubt: float
    """The answer to a write is lost, which may be stored."""
    contended: float
    """A row is skipped, or a commit refused, because somebody else is at it."""
    deaf: float
    """A server's connection for notes is lost."""
    skew: int
    """How far the servers' clocks are off at most, microseconds."""
    cached: int
    """How many executions the server keeps in memory, of those that wait and those that run."""


NOTHING: Final = Odds(
    trouble=0.0,
    latency=0.0,
    commit_time=0.0,
    slow_commit=0.0,
    store_fails=0.0,
    lost=0.0,
    crash_in_commit=0.0,
    mischief=0.0,
    blows=0,
    max_inbox=10_000,
    servers=1,
    in_doubt=0.0,
    contended=0.0,
    deaf=0.0,
    skew=0,
    cached=1_000,
)
"""Nothing goes wrong, and nothing takes time."""


def draw_odds(random: Random, servers: int = 0) -> Odds:
    """Draw a run's; without a number of servers that is drawn as well.

    Runs differ: in some nothing goes wrong but time, in others nearly everything."""

    def maybe(share: float, most: float) -> float:
        return random.uniform(0, most) if random.random() < share else 0.0

    calm = random.random() < 0.1
    drawn = random.choice((1, 1, 2, 3))
    return Odds(
        trouble=0.0 if calm else random.uniform(1, 6),
        latency=random.choice((0.0005, 0.01, 0.05, 0.3)),
        commit_time=random.choice((0.0005, 0.005, 0.05)),
        slow_commit=maybe(0.4, 0.1),
        store_fails=maybe(0.5, 0.25),
        lost=maybe(0.5, 0.2),
        crash_in_commit=maybe(0.3, 0.08),
        mischief=maybe(0.7, 0.3),
        blows=0 if calm else random.choice((0, 0, 1, 2, 3, 5)),
        max_inbox=random.choice((1, 10, 10_000)),
        servers=servers or drawn,
        in_doubt=maybe(0.4, 0.15),
        contended=maybe(0.4, 0.3),
        deaf=maybe(0.5, 0.2),
        skew=random.choice((0, 1_000, 50_000)),
        cached=random.choice((0, 1, 1_000)),
    )
