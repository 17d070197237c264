"""Runs all benchmarks and writes docs/performance.md: python bench/all.py [--quick].

Each is a process of its own, so that none inherits another's memory. It takes about
twenty minutes, with --quick about ten: smaller databases, fewer watchers, and less idling.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import report

_FOLDER = Path(__file__).parent

PROGRAMS = {
    "flat.py": ["--closed", "10000"],
    "watching.py": ["--watchers", "100"],
    "idle.py": ["--waiting", "10000", "--seconds", "10"],
    "startup.py": ["--waiting", "10000"],
    "peers.py": ["--repeat", "1"],
}
"""With what makes them quick."""


def main() -> None:
    """Run them one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only to see that all of them run")
    arguments = parser.parse_args()
    results = _FOLDER / "results.json"
    if arguments.quick:
        results = _FOLDER / "results-quick.json"
    failed = [
        program
        for program, quick in PROGRAMS.items()
        if _run(program, [*(quick if arguments.quick else []), "--results", str(results)])
    ]
    _run("micro.py", [])
    if not arguments.quick:
        report.write(results)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _run(program: str, arguments: list[str]) -> int:
    print(f"== {program}", flush=True)
    command = [sys.executable, str(_FOLDER / program), *arguments]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - a file of this folder


if __name__ == "__main__":
    main()
