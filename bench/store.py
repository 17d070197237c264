"""What a commit costs: python bench/store.py [folder on the disk to be measured].

Or on PostgreSQL: python bench/store.py --postgres URL, of any database of a server in which the
user may create others. The CPU time of PostgreSQL itself is not counted.

A transition here is a finished step of a running execution: a history row, a task that goes and
one that comes. A waiting execution is a start with a small history and a due time.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from branchline.server.storage import (
    Batch,
    ExecutionChange,
    ExecutionRow,
    HistoryRow,
    Store,
    TaskKey,
    TaskRow,
)

SECONDS = 2.0
NOW = 1_800_000_000_000_000
FIRST_KEY = 1 << 60
EVENTS = (
    '[["task_completed",1,{"ok":true},{},[],null],'
    '["step_completed","main","checked"],'
    '["step_started","main","charge"],'
    '["task_scheduled",2,"main","charge","default",{"order_id":"o-1","amount":12.5},'
    "null,1,0,null,null,null]]"
)
WAITING = (
    '[["execution_started","wait",1,{"n":1},{},null,{},"",0,0],'
    '["step_started","main","wait"],'
    '["signal_awaited","main","go",1800003600000000]]'
)
PAYLOAD = '{"execution":"exec_01jd8z","step":"charge","parameters":{"order_id":"o-1"}}'


def execution(number: int) -> ExecutionRow:
    """A waiting execution, its key as far from the one before as keys made by time are."""
    name = f"exec_{number:019}"
    key = FIRST_KEY + number * (1 << 20)
    return ExecutionRow(key, name, "order", 1, 1, NOW + number, wake_at=NOW + number * 1000)


def transitions(group: int) -> Iterator[Batch]:
    """Steps of 1,000 executions in turn."""
    numbers = count()
    while True:
        batch = Batch()
        for _ in range(group):
            step, which = divmod(next(numbers), 1000)
            key, first = execution(which).key, step * 4 + 1
            batch.history.append(HistoryRow(key, first, first + 3, NOW + step, EVENTS))
            batch.tasks_removed.append(TaskKey(key, step))
            batch.tasks_added.append(TaskRow(key, step + 1, "default", "charge", PAYLOAD))
        yield batch


def starts(group: int) -> Iterator[Batch]:
    """New executions that wait."""
    numbers = count(1_000_000)
    while True:
        rows = [execution(next(numbers)) for _ in range(group)]
        histories = [HistoryRow(row.key, 1, 3, row.start_time, WAITING) for row in rows]
        yield Batch(started=rows, history=histories)


def changes(group: int) -> Iterator[Batch]:
    """New statuses and due times of 1,000 executions in turn."""
    numbers = count()
    while True:
        batch = Batch()
        for number in (next(numbers) for _ in range(group)):
            key = execution(number % 1000).key
            batch.changed.append(ExecutionChange(key, number // 1000 % 2 + 1, None, NOW + number))
        yield batch


async def measure(url: str, kind: Callable[[int], Iterator[Batch]], group: int) -> None:
    """Commit batches one after the other and print what that took."""
    store = await Store.open(url)
    await store.commit(Batch(started=[execution(number) for number in range(1000)]))
    batches, commits, times = kind(group), 0, []
    began, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < SECONDS:
        batch = next(batches)
        before = time.perf_counter()
        await store.commit(batch)
        times.append(time.perf_counter() - before)
        commits += 1
    elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu
    rows = commits * group
    times.sort()
    await store.close()
    print(
        f"{kind.__name__:12} {group:6,} {commits / elapsed:10,.0f} {rows / elapsed:10,.0f}"
        f" {cpu / rows * 1e6:8.1f} {times[len(times) // 2] * 1e3:8.2f}"
        f" {times[int(len(times) * 0.99)] * 1e3:8.2f} {size_of(url, rows)}"
    )


def size_of(url: str, rows: int) -> str:
    """How much of a file a row takes."""
    if not url.startswith("sqlite"):
        return f"{'':8}"
    return f"{Path(url.removeprefix('sqlite:///')).stat().st_size / rows:8,.0f}"


async def measure_all(url: Callable[[str], AbstractAsyncContextManager[str]]) -> None:
    """Measure all kinds of batches in three sizes, each in a database of its own."""
    print("kind          group  commits/s     rows/s   CPU µs   p50 ms   p99 ms  bytes/row")
    for kind in (transitions, starts, changes):
        for group in (1, 10, 100):
            async with url(f"bench_{kind.__name__}_{group}") as database:
                await measure(database, kind, group)


@asynccontextmanager
async def file(folder: Path, name: str) -> AsyncIterator[str]:
    """A SQLite file."""
    yield f"sqlite:///{folder / name}.db"


@asynccontextmanager
async def database(server: str, name: str) -> AsyncIterator[str]:
    """A database of a PostgreSQL server, which is dropped afterwards."""
    import asyncpg

    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()


def main() -> None:
    """Measure in a new folder of the disk that was named, or in new databases of a server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path())
    parser.add_argument("--postgres", metavar="URL", help="a PostgreSQL, in place of SQLite")
    arguments = parser.parse_args()
    if arguments.postgres:
        asyncio.run(measure_all(partial(database, arguments.postgres)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        asyncio.run(measure_all(partial(file, Path(folder).resolve())))


if __name__ == "__main__":
    main()
