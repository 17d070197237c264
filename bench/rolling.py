"""Servers that are restarted one after another while clients and workers go on.

Each client and worker is given the addresses of all servers, beginning with another one.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack

import flows
from death import Crowd, all_of
from hosting import Crew
from measuring import Figure, percentile

from branchline.client import BranchlineError, Client, Worker

_LANES = 5
"""How many executions each client has under way."""


class Business:
    """Starts executions and waits for their results, all the time."""

    def __init__(self) -> None:
        self.done = 0
        self.failed: Counter[str] = Counter()
        self.took: list[float] = []
        self.over = asyncio.Event()

    async def go_on(self, client: Client) -> None:
        """One after the other, until it is over."""
        while not self.over.is_set():
            began = time.perf_counter()
            try:
                execution = await client.start("chain", {"value": 1})
                await execution.result(60)
            except BranchlineError as error:
                self.failed[f"{type(error).__name__}: {error}"] += 1
            else:
                self.done += 1
                self.took.append(time.perf_counter() - began)


async def restart_all(crowd: Crowd, rounds: int) -> list[Figure]:
    """Restart each server in order, some rounds of it, under load."""
    business = Business()
    crew = Crew()
    addresses = crowd.addresses
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(Client(all_of(addresses, first)))
            for first in range(len(addresses))
        ]
        await clients[0].register(flows.chain())
        for first in range(len(addresses)):
            await stack.enter_async_context(Worker(all_of(addresses, first), [crew.work]))
        lanes = [
            asyncio.create_task(business.go_on(client)) for client in clients for _ in range(_LANES)
        ]
        await asyncio.sleep(2)
        downs = [
            await _restart(crowd, place) for _ in range(rounds) for place in range(len(addresses))
        ]
        await asyncio.sleep(2)
        business.over.set()
        await asyncio.gather(*lanes)
    return _figures(business, downs)


async def _restart(crowd: Crowd, place: int) -> float:
    """Restart a server; how long it was away, seconds."""
    began = time.perf_counter()
    await asyncio.to_thread(crowd.stop, place)
    await asyncio.to_thread(crowd.start, place)
    away = time.perf_counter() - began
    await asyncio.sleep(1)
    return away


def _figures(business: Business, downs: Sequence[float]) -> list[Figure]:
    note = ", ".join(f"{kind} {number}" for kind, number in business.failed.items())
    return [
        Figure("rolling: restarts", len(downs), "", f"each away for {max(downs):.1f} s at most"),
        Figure("rolling: executions completed", business.done, ""),
        Figure("rolling: calls failed", business.failed.total(), "", note),
        Figure("rolling: from start to result, p50", percentile(business.took, 0.5) * 1e3, "ms"),
        Figure("rolling: from start to result, longest", max(business.took) * 1e3, "ms"),
    ]
