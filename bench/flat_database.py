"""Whether the cost of an execution stays flat, by what else the database holds."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import flows
from filling import fill
from hosting import Crew, hosted, run_many
from measuring import Point, Series, cpu_of

from branchline.client import Client, Execution, ExecutionStatus

EXECUTIONS = 400
"""A measurement runs so many."""
REPEAT = 3
_RELOADS = 60


async def closed(most: int) -> Series:
    """Executions of five tasks beside those that have closed."""
    points = [Point(size, await _among(closed=size)) for size in _sizes(most)]
    return Series("database, closed", "closed executions", "an execution of 5 tasks", points)


async def waiting(most: int) -> Series:
    """Executions of five tasks beside those that wait."""
    points = [Point(size, await _among(waiting=size)) for size in _sizes(min(most, 100_000))]
    return Series("database, waiting", "waiting executions", "an execution of 5 tasks", points)


async def reload(_most: int) -> Series:
    """Signals to executions that are not in memory, by how long their history is."""
    points = []
    async with hosted([flows.listening()], cached_dormant=0) as (client, crew):
        for events in (10, 32, 100, 320, 1_000, 3_200, 10_000):
            pair = [await _listener(client, crew, events) for _ in range(2)]
            points.append(Point(events, await _cpu_of_signals(pair)))
    return Series(
        "database, reload", "events", "a signal to an execution that is not in memory", points
    )


async def _among(**others: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bench.db")
        await fill(path, **others)
        async with hosted([flows.chain()], path) as (client, _):

            async def run() -> None:
                await (await client.start("chain", {"value": 1})).result(60)

            await run_many(100, run)
            costs = [await cpu_of(lambda: run_many(EXECUTIONS, run)) for _ in range(REPEAT)]
    return statistics.median(costs) / EXECUTIONS * 1e6


async def _listener(client: Client, crew: Crew, events: int) -> Execution:
    """An execution with about so many events that waits for a signal."""
    crew.rounds_left = max(events // 4, 1)
    execution = await client.start("listen")
    await execution.until(ExecutionStatus.SUSPENDED, timeout=300)
    return execution


async def _cpu_of_signals(executions: Sequence[Execution]) -> float:
    async def signal() -> None:
        for _ in range(_RELOADS // len(executions)):
            for execution in executions:
                await execution.signal("go", 1)

    return statistics.median([await cpu_of(signal) for _ in range(REPEAT)]) / _RELOADS * 1e6


def _sizes(most: int) -> list[int]:
    return [0, *(size for size in (1_000, 10_000, 100_000) if size < most), most]


SERIES: dict[str, Callable[[int], Awaitable[Series]]] = {
    "closed": closed,
    "waiting": waiting,
    "reload": reload,
}
"""By name, for the command line."""
