"""A server in this process, with a worker and a client, whose CPU time is measured together."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from branchline.client import Client, activity, local


class Crew:
    """The activities of the measured workflows."""

    def __init__(self) -> None:
        self.rounds_left = 0
        self.when_round: Callable[[], object] = lambda: None

    @activity
    async def work(self, value: object) -> object:
        """Give back what it is given."""
        return value

    @activity
    async def again(self) -> bool:
        """Whether another round is wanted."""
        self.when_round()
        self.rounds_left -= 1
        return self.rounds_left > 0

    @activity
    async def fill(self, size: int) -> str:
        """Text of a size."""
        return "x" * size


@asynccontextmanager
async def hosted(
    definitions: Sequence[dict[str, Any]], database: Path | None = None, **settings: object
) -> AsyncIterator[tuple[Client, Crew]]:
    """A client of a server on a file, which knows some workflows, and its worker's crew."""
    crew = Crew()
    offered: list[Callable[..., Any]] = [crew.work, crew.again, crew.fill]
    with tempfile.TemporaryDirectory() as folder:
        path = database or Path(folder, "bench.db")
        async with local(offered, database=path, settings=settings) as client:
            for definition in definitions:
                await client.register(definition)
            yield client, crew


async def run_many(number: int, run: Callable[[], Awaitable[object]], in_flight: int = 64) -> None:
    """Run something so many times, some at once."""
    left = iter(range(number))

    async def lane() -> None:
        for _ in left:
            await run()

    async with asyncio.TaskGroup() as group:
        for _ in range(min(in_flight, number)):
            group.create_task(lane())
