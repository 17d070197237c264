"""Branchline beside other engines: python bench/peers.py [engine...] [--harness FOLDER].

A harness installs the engines, drives the same five workloads through each one's own client, and
measures them one after the other, so that all have the same machine on the same day. It is not
part of this project: its folder, with a ``run.py``, is given or named by BENCH_HARNESS. What it
learns of Branchline is in branchline_engine.py.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from measuring import Comparison, save
from report import RESULTS

BASELINE: Final = "restate-4p"
"""The fastest peer, which the others are compared with."""
ENGINES: Final = (BASELINE, "branchline", "branchline-postgres")
_FOLDER: Final = Path(__file__).parent
_USUAL: Final = _FOLDER.parent.parent / "shared" / "bench"

Workloads = Mapping[str, Mapping[str, Any]]


class Measure(NamedTuple):
    """What is taken of a workload."""

    title: str
    workload: str
    value: Callable[[Mapping[str, Any]], float]


def _memory(result: Mapping[str, Any]) -> float:
    """KiB of an engine's processes; the load's own do not count."""
    return float(
        sum(kib for role, kib in result["mem_kib_per_waiting"].items() if role != "client")
    )


MEASURES: Final = (
    Measure("W1: activities/s", "W1", lambda found: found["activities_per_s"]),
    Measure("W1: CPU-s per 1,000", "W1", lambda found: found["cpu_s_per_1000_activities"]),
    Measure("W2: p50 ms", "W2", lambda found: found["p50_ms"]),
    Measure("W2: p99 ms", "W2", lambda found: found["p99_ms"]),
    Measure("W3: activities/s", "W3", lambda found: found["activities_per_s"]),
    Measure("W4: signals/s", "W4", lambda found: found["signals_per_s"]),
    Measure("W4: p50 ms", "W4", lambda found: found["p50_ms"]),
    Measure("W5: starts/s", "W5", lambda found: found["starts_per_s"]),
    Measure("W5: KiB of memory", "W5", _memory),
    Measure("W5: bytes of disk", "W5", lambda found: found["disk_bytes_per_waiting"]),
)


def comparisons(found: Mapping[str, Workloads]) -> list[Comparison]:
    """Every engine beside the baseline."""
    values = {
        engine: [_value(measure, one) for measure in MEASURES] for engine, one in found.items()
    }
    base = values.get(BASELINE, [None] * len(MEASURES))
    titles = [measure.title for measure in MEASURES]
    return [
        Comparison(engine, titles, row, [_ratio(*pair) for pair in zip(row, base, strict=True)])
        for engine, row in values.items()
    ]


def _value(measure: Measure, workloads: Workloads) -> float | None:
    result = workloads.get(measure.workload, {})
    return None if not result or "error" in result or "skip" in result else measure.value(result)


def _ratio(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None


def run(harness: Path, engines: Sequence[str], repeat: int) -> list[Comparison]:
    """Install the engines, this working tree among them, and measure them."""
    program = [sys.executable, str(harness / "run.py")]
    environment = {**os.environ, "BENCH_ENGINES": str(_FOLDER)}
    subprocess.run([*program, "--setup", *engines], env=environment, check=True)  # noqa: S603
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "found.json")
        command = [*program, *engines, "--repeat", str(repeat), "--out", str(out)]
        subprocess.run(command, env=environment, check=True)  # noqa: S603 - the harness
        found = json.loads(out.read_text())["engines"]
    return comparisons({engine: one["workloads"] for engine, one in found.items()})


def main() -> None:
    """Measure and add to the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engines", nargs="*", default=ENGINES, help=f"default: {' '.join(ENGINES)}")
    parser.add_argument(
        "--harness",
        type=Path,
        default=Path(os.environ.get("BENCH_HARNESS", _USUAL)),
        help="the folder of the harness (the environment's BENCH_HARNESS)",
    )
    parser.add_argument(
        "--repeat", type=int, default=3, help="runs, of which the median counts (3)"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file to add to")
    arguments = parser.parse_args()
    if not (arguments.harness / "run.py").exists():
        print("There is no harness: name its folder with BENCH_HARNESS. Peers are left out.")
        return
    found = run(arguments.harness, arguments.engines, arguments.repeat)
    for comparison in found:
        print(comparison.as_text())
    save(arguments.results, found)


if __name__ == "__main__":
    main()
