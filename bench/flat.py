"""Whether costs stay flat as work, state and database grow: python bench/flat.py [name...].

Prints every series with the factor by which a doubling multiplies its cost, adds it to the
results, and draws those of the usual results file into bench/plots/. CPU time of the process,
medians, never wall time.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import flat_bare
import flat_database
import flat_server
import uvloop
from measuring import Series, save
from plots import draw
from report import RESULTS

Run = Callable[[], Series | Awaitable[Series]]


def series(closed: int) -> dict[str, Run]:
    """What can be measured, by name."""
    runs: dict[str, Run] = {}
    runs |= {f"engine-{name}": run for name, run in flat_bare.SERIES.items()}
    runs |= {f"server-{name}": run for name, run in flat_server.SERIES.items()}
    runs |= {f"database-{name}": partial(run, closed) for name, run in flat_database.SERIES.items()}
    return runs


def measure(run: Run) -> Series:
    """Run one of them, with the event loop that a server has."""

    async def measured() -> Series:
        found = run()
        return found if isinstance(found, Series) else await found

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measured())


def main() -> None:
    """Measure what was named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(series(0))}; default: all")
    parser.add_argument(
        "--closed", type=int, default=1_000_000, help="closed executions at most (1000000)"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file to add to")
    arguments = parser.parse_args()
    runs = series(arguments.closed)
    unknown = set(arguments.names) - runs.keys()
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    for name in arguments.names or runs:
        found = measure(runs[name])
        print(found.as_text(), flush=True)
        if arguments.results == RESULTS:
            draw(found)
        save(arguments.results, [found])


if __name__ == "__main__":
    main()
