"""Runs an example in one process: a server for as long as it lasts, a worker, a client."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from branchline.client import Client, Worker
from branchline.client.cli.embedding import embedded_for_now


@asynccontextmanager
async def local(
    activities: Iterable[Callable[..., Any]], database: str | None = None
) -> AsyncIterator[Client]:
    """A client of a server with a worker, all in this process.

    ``database`` is a file that keeps everything; without one nothing outlives the context.
    """
    async with embedded_for_now(database) as address, Client(address) as client:
        worker = Worker(address, activities)
        working = asyncio.create_task(worker.run())
        try:
            yield client
        finally:
            worker.stop()
            await working


def tell(text: str) -> None:
    """Show what happens; standard output is for the outputs alone."""
    print(text, file=sys.stderr, flush=True)
