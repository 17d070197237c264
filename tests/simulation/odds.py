"""What may go wrong in a run, and how often: drawn by its seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


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
    cached: int
    """How many executions the server keeps in memory, of those that wait and those that run."""


def draw_odds(random: Random) -> Odds:
    """Runs differ: in some nothing goes wrong but time, in others nearly everything."""

    def maybe(share: float, most: float) -> float:
        return random.uniform(0, most) if random.random() < share else 0.0

    calm = random.random() < 0.1
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
        cached=random.choice((0, 1, 1_000)),
    )
