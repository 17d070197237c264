"""How long it takes until something is there: python bench/startup.py [--waiting 100000].

The command line's help, the SDK's import and what it brings in, a server on an empty file, and
one on a file with many executions that wait. Wall time and CPU time, medians of several starts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from filling import fill
from measuring import Figure, save
from processes import memory_mib, serving
from report import RESULTS

REPEAT = 5
SERVERS_OWN = ("sqlalchemy", "alembic", "lark", "re2", "structlog", "branchline.server")
"""Packages that only a server needs, and one that only it may import."""

_IMPORT = """
import sys, json
before = set(sys.modules)
import branchline.client
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def help_time() -> list[Figure]:
    """``branchline --help``."""
    return _timed("branchline --help", [sys.executable, "-m", "branchline.client.cli", "--help"])


def import_time() -> list[Figure]:
    """``import branchline.client``, and the modules that it brings in."""
    name, command = "import branchline.client", [sys.executable, "-c", _IMPORT]
    modules = json.loads(_output(command))
    found = [module for module in modules if module in SERVERS_OWN]
    note = f"of the server's: {', '.join(found)}" if found else "none of the server's"
    return [*_timed(name, command), Figure(f"{name}: modules", len(modules), "modules", note)]


def server_times(waiting: int) -> list[Figure]:
    """A server on an empty file and on a full one."""
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder, "full.db")
        asyncio.run(fill(full, waiting=waiting))
        figures += _server("server ready on an empty file", lambda n: Path(folder, f"{n}.db"))
        figures += _server(f"server ready with {waiting:,} waiting", lambda _: full)
    return figures


def _server(name: str, path: Callable[[int], Path]) -> list[Figure]:
    walls, cpus, memory = [], [], 0.0
    for number in range(REPEAT):
        with serving(path(number)) as server:
            walls.append(server.ready_after)
            cpus.append(server.cpu())
            time.sleep(1)
            memory = memory_mib(server.pid)
    return [
        Figure(name, statistics.median(cpus) * 1e3, "ms CPU", _wall(walls)),
        Figure(f"{name}: memory", memory, "MiB", "a second later"),
    ]


def _timed(name: str, command: list[str]) -> list[Figure]:
    _output(command)  # what is compiled at the first time is not counted
    walls, cpus = [], []
    for _ in range(REPEAT):
        before, began = os.times(), time.perf_counter()
        _output(command)
        after = os.times()
        walls.append(time.perf_counter() - began)
        used = after.children_user - before.children_user
        cpus.append(used + after.children_system - before.children_system)
    return [Figure(name, statistics.median(cpus) * 1e3, "ms CPU", _wall(walls))]


def _wall(walls: list[float]) -> str:
    return f"{statistics.median(walls) * 1e3:,.0f} ms until it was there"


def _output(command: list[str]) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    return done.stdout


def main() -> None:
    """Measure and add to the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=100_000, help="executions (100000)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file to add to")
    arguments = parser.parse_args()
    figures = [*help_time(), *import_time(), *server_times(arguments.waiting)]
    for figure in figures:
        print(figure.as_text())
    save(arguments.results, figures)


if __name__ == "__main__":
    main()
