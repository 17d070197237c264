"""What the benchmarks share: CPU time, medians, and whether a cost stays flat."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

FLAT = 1.1
"""How much a cost may grow when what surrounds it doubles: twice the work costs 2.2 at most."""
LINEAR = 2.2
"""The same for a cost that is known to follow the bytes it handles."""

_TAIL = 16
"""The fit takes the points from a sixteenth of the largest on: constants hide what lies before."""


class Point(NamedTuple):
    """A cost at a size."""

    size: float
    micros: float
    """CPU time of one operation, microseconds."""


class Series(NamedTuple):
    """How a cost goes with a size."""

    name: str
    size: str
    """What the size counts."""
    cost: str
    """What one operation is."""
    points: Sequence[Point]
    limit: float = FLAT

    @property
    def growth(self) -> float:
        """By what the cost is multiplied when the size doubles, fitted; 1 is flat."""
        largest = max(point.size for point in self.points)
        tail = [p for p in self.points if p.size > 0 and p.size * _TAIL >= largest and p.micros > 0]
        if len({p.size for p in tail}) < 2:  # noqa: PLR2004 - a line needs two
            tail = [p for p in self.points if p.size > 0 and p.micros > 0]
        logs = [(math.log2(p.size), math.log2(p.micros)) for p in tail]
        fit = statistics.linear_regression(*zip(*logs, strict=True))
        return float(2**fit.slope)

    @property
    def is_good(self) -> bool:
        """Whether the growth is within its limit."""
        return self.growth <= self.limit

    def as_text(self) -> str:
        """A few lines for people."""
        verdict = "ok" if self.is_good else "NOT FLAT"
        head = f"{self.name}: x{self.growth:.2f} a doubling (at most {self.limit}) {verdict}"
        points = "  ".join(f"{p.size:,.0f}: {p.micros:,.1f}" for p in self.points)
        return f"{head}\n  {self.cost}, CPU µs, by {self.size}\n  {points}"

    def as_result(self) -> dict[str, Any]:
        """For the results file."""
        return {
            "name": self.name,
            "size": self.size,
            "cost": self.cost,
            "limit": self.limit,
            "growth": round(self.growth, 3),
            "points": [[p.size, round(p.micros, 2)] for p in self.points],
        }


class Comparison(NamedTuple):
    """How an engine does beside another, in several measures."""

    engine: str
    measures: Sequence[str]
    values: Sequence[float | None]
    """None where it failed, or was not asked."""
    ratios: Sequence[float | None]
    """To the other's in the same run."""

    @property
    def name(self) -> str:
        """What it is stored under."""
        return f"peers, {self.engine}"

    def as_text(self) -> str:
        """A line for people."""
        cells = zip(self.measures, self.values, self.ratios, strict=True)
        parts = (f"{measure} {compared(value, ratio)}" for measure, value, ratio in cells)
        return f"{self.engine}: {', '.join(parts)}"

    def as_result(self) -> dict[str, Any]:
        """For the results file."""
        return self._asdict()


class Figure(NamedTuple):
    """A single result."""

    name: str
    value: float
    unit: str
    note: str = ""

    def as_text(self) -> str:
        """A line for people."""
        return f"{self.name}: {shown(self.value)} {self.unit}{f' ({self.note})' * bool(self.note)}"

    def as_result(self) -> dict[str, Any]:
        """For the results file."""
        return self._asdict()


def shown(value: float) -> str:
    """A number with the digits that mean something."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3  # noqa: PLR2004
    return f"{value:,.{digits}f}"


def compared(value: float | None, ratio: float | None) -> str:
    """A figure with its ratio to another engine's; what was not measured is a dash."""
    if value is None:
        return "-"
    return shown(value) if ratio in {None, 1} else f"{shown(value)} (x{shown(ratio)})"


def median_of(repeat: int, measure: Callable[[], float]) -> float:
    """The median of several measurements."""
    return statistics.median(measure() for _ in range(repeat))


async def cpu_of(work: Callable[[], Awaitable[object]]) -> float:
    """The CPU time that this process, with all its threads, needs for some work; seconds."""
    began = time.process_time()
    await work()
    return time.process_time() - began


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of all lies."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def save(path: Path, results: Sequence[Series | Figure | Comparison]) -> None:
    """Add results to a file; earlier ones of the same names are replaced."""
    known = json.loads(path.read_text()) if path.exists() else {}
    known |= {result.name: result.as_result() for result in results}
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
