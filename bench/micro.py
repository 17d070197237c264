"""What hot paths cost, in µs an operation: python bench/micro.py [--json] [--baseline FILE].

Each has an address: the file and the function that it measures. Figures are medians of several
stretches of CPU time. With a baseline, an earlier output of --json, each is compared to it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

from micro_cases import CASES, Case

STRETCHES = 9
STRETCH = 0.05
"""CPU seconds of a stretch, at least."""


class Result(NamedTuple):
    """What a path costs."""

    address: str
    micros: float
    spread: float
    """How far the middle half of the stretches lies apart, as a share of the median."""


def measure(case: Case) -> Result:
    """The median cost of an operation."""
    with case.ready() as work:
        work(1)
        times = 1
        while (took := _cpu(work, times)) < STRETCH:
            times = max(times * 2, int(times * STRETCH / max(took, 1e-4)))
        costs = sorted(_cpu(work, times) / times * 1e6 for _ in range(STRETCHES))
    middle = statistics.median(costs)
    quartile = len(costs) // 4
    return Result(case.address, middle, (costs[-1 - quartile] - costs[quartile]) / middle)


def _cpu(work: object, times: int) -> float:
    began = time.process_time()
    work(times)  # type: ignore[operator]  # a case's work
    return time.process_time() - began


def as_line(name: str, result: Result, baseline: dict[str, float]) -> str:
    """A line for people."""
    line = f"{name:34} {result.micros:10.2f} µs  ±{result.spread / 2:4.0%}"
    if name in baseline:
        line += f"  {result.micros / baseline[name] - 1:+7.1%}"
    return f"{line}  {result.address}"


def main() -> None:
    """Measure what was named, or all, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument("--json", action="store_true", help="print JSON, for a baseline")
    parser.add_argument("--baseline", type=Path, help="an earlier output of --json")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - CASES.keys()
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    baseline = _baseline(arguments.baseline) if arguments.baseline else {}
    found = {}
    for name in arguments.names or CASES:
        found[name] = measure(CASES[name])
        if not arguments.json:
            print(as_line(name, found[name], baseline), flush=True)
    if arguments.json:
        json.dump({name: result._asdict() for name, result in found.items()}, sys.stdout, indent=1)
        print()


def _baseline(path: Path) -> dict[str, float]:
    return {name: float(result["micros"]) for name, result in json.loads(path.read_text()).items()}


if __name__ == "__main__":
    main()
