"""What a server costs that has nothing to do: python bench/idle.py [--seconds 300].

It has 100,000 waiting executions, 100 workers without a task and 100 watchers. Statements are
counted by SQLite itself, through its trace; the workers and watchers are another process.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import uvloop
from filling import fill
from hosting import Crew
from measuring import Figure, save
from report import RESULTS
from sqlalchemy import Pool, event

from branchline.client import Client, Worker
from branchline.client.embedding import embedded

_SETTLING = 10.0
"""Seconds that the start may take before it counts as idle."""


class Statements:
    """Counts what every connection of this process runs."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        event.listen(Pool, "connect", self._connected)

    def _connected(self, connection: sqlite3.Connection, _record: object) -> None:
        connection.set_trace_callback(self._note)

    def _note(self, statement: str) -> None:
        self.seen[" ".join(statement.split())[:100]] += 1


async def measure(waiting: int, guests: int, seconds: float) -> list[Figure]:
    """An idle server in this process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bench.db")
        ids = await fill(path, waiting=waiting)
        statements = Statements()
        async with embedded(str(path)) as address:
            company = _company(address, guests, ids)
            try:
                await asyncio.sleep(_SETTLING)
                return await _idle(statements, seconds)
            finally:
                company.terminate()
                company.wait()


async def _idle(statements: Statements, seconds: float) -> list[Figure]:
    print(f"  {statements.seen.total():,} statements at the start")
    statements.seen.clear()
    began, cpu = time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    cpu, elapsed = time.process_time() - cpu, time.monotonic() - began
    for statement, times in statements.seen.most_common(10):
        print(f"  {times:6,} {statement}")
    rate = statements.seen.total() / elapsed * 60
    kinds = ", ".join(f"{times} {text[:60]}" for text, times in statements.seen.most_common(3))
    return [
        Figure("idle: statements", rate, "a minute", kinds),
        Figure("idle: CPU", cpu / elapsed * 1e3, "ms a second", f"over {elapsed:.0f} s"),
    ]


def _company(address: str, guests: int, ids: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, "--company", address, "--guests", str(guests)]
    return subprocess.Popen([*command, *ids[:guests]])  # noqa: S603 - this very program


async def be_company(address: str, guests: int, ids: list[str]) -> None:
    """Workers that get no task, and watchers that are told nothing, until this is terminated."""
    crew = Crew()

    async def watch(client: Client, execution_id: str) -> None:
        async for _ in client.execution(execution_id).watch():
            pass

    async with Client(address) as client, asyncio.TaskGroup() as group:
        for _ in range(guests):
            group.create_task(Worker(address, [crew.work]).run())
        for execution_id in ids:
            group.create_task(watch(client, execution_id))


def main() -> None:
    """Measure and add to the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="how long (300)")
    parser.add_argument("--waiting", type=int, default=100_000, help="executions (100000)")
    parser.add_argument("--guests", type=int, default=100, help="workers, and watchers (100)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file to add to")
    parser.add_argument("--company", help=argparse.SUPPRESS)
    parser.add_argument("ids", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.company:
        uvloop.run(be_company(arguments.company, arguments.guests, arguments.ids))
        return
    figures = uvloop.run(measure(arguments.waiting, arguments.guests, arguments.seconds))
    for figure in figures:
        print(figure.as_text())
    save(arguments.results, figures)


if __name__ == "__main__":
    main()
