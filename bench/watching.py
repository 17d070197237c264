"""What watchers cost: python bench/watching.py [--watchers 1000].

Watchers of one busy execution, and of one each. The server is a process of its own, and its CPU
time is measured with and without watchers. Lag is from the time of an event, which the server
gives it before it is stored, to its arrival, while one transition after the other is told at a
rate that this process can follow.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flows
import grpc
import uvloop
from hosting import Crew, run_many
from measuring import Figure, percentile, save
from processes import Server, serving
from report import RESULTS

from branchline.client import Client, Worker
from branchline.v1 import execution_service_pb2 as pb
from branchline.v1.execution_service_pb2_grpc import ExecutionServiceStub

if TYPE_CHECKING:  # the stub's type is not there at run time
    from branchline.v1.execution_service_pb2_grpc import ExecutionServiceAsyncStub

ROUNDS = 40
STEPS = 5
PACE = 0.5
"""Seconds between two transitions while lag is measured."""
TRANSITIONS = 20


class Audience:
    """Watchers, and what they were told."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.events = 0
        self.lags: list[float] = []
        self._calls: list[asyncio.Task[None]] = []
        self.settled = asyncio.Event()
        self._ready = 0
        self._wanted = 0

    async def watch(self, ids: Sequence[str]) -> None:
        """Watch executions; a channel carries a hundred streams, as one client's would."""
        self._wanted = len(ids)
        for start in range(0, len(ids), 100):
            options = [("grpc.use_local_subchannel_pool", 1)]
            channel = grpc.aio.insecure_channel(self._address, options=options)
            stub: ExecutionServiceAsyncStub = ExecutionServiceStub(channel)
            for execution_id in ids[start : start + 100]:
                self._calls.append(asyncio.create_task(self._follow(stub, execution_id)))
        await self.settled.wait()

    async def _follow(self, stub: ExecutionServiceAsyncStub, execution_id: str) -> None:
        request = pb.WatchExecutionRequest(execution_id=execution_id)
        first = True
        async for answer in stub.WatchExecution(request):
            now = time.time()
            self.events += len(answer.events)
            if first:  # it had happened before the watch began
                first = False
                self._ready += 1
                if self._ready == self._wanted:
                    self.settled.set()
                continue
            happened = answer.events[-1].time
            self.lags.append(now - happened.seconds - happened.nanos / 1e9)

    async def end(self) -> None:
        """Wait until all executions have closed."""
        await asyncio.gather(*self._calls)


@asynccontextmanager
async def scene() -> AsyncIterator[tuple[Server, Client, Crew]]:
    """A server, a client, and a worker in this process."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder, "bench.db")) as server:
        crew = Crew()
        offered: list[Callable[..., Any]] = [crew.work, crew.again]
        async with Client(server.address) as client, Worker(server.address, offered):
            for definition in (flows.gated_loop(), flows.gated_chain(STEPS), flows.listening()):
                await client.register(definition)
            yield server, client, crew


async def cost(
    ids: Sequence[str], watchers: int, play: Callable[[Server], Awaitable[object]], server: Server
) -> tuple[float, Audience]:
    """The server's CPU seconds for what is played before watchers, and the audience."""
    audience = Audience(server.address)
    if watchers:
        await audience.watch([ids[number % len(ids)] for number in range(watchers)])
    before = server.cpu()
    await play(server)
    await audience.end()
    return server.cpu() - before, audience


async def one_busy(watchers: int) -> list[Figure]:
    """All watch one execution."""

    async def played(number: int) -> tuple[float, Audience]:
        async with scene() as (server, client, crew):
            crew.rounds_left = ROUNDS
            execution = await client.start("gated loop")

            async def play(_: Server) -> None:
                await execution.signal("go")
                await execution.result(300)

            return await cost([execution.id], number, play, server)

    name = f"{watchers:,} watchers of one execution"
    return _figures(name, await played(0), await played(watchers))


async def one_each(watchers: int) -> list[Figure]:
    """Everyone watches an execution of its own."""

    async def played(number: int) -> tuple[float, Audience]:
        async with scene() as (server, client, _):
            executions = [await client.start("gated chain", {"value": 1}) for _ in range(watchers)]
            waiting = iter(executions)

            async def run() -> None:
                execution = next(waiting)
                await execution.signal("go")
                await execution.result(300)

            ids = [execution.id for execution in executions]
            return await cost(ids, number, lambda _: run_many(watchers, run, 16), server)

    name = f"{watchers:,} watchers of one execution each"
    return _figures(name, await played(0), await played(watchers))


async def lag(watchers: int) -> list[Figure]:
    """How late all watchers of one execution are told, at a steady pace."""
    async with scene() as (server, client, crew):
        crew.rounds_left = 1
        execution = await client.start("listen")
        audience = Audience(server.address)
        await audience.watch([execution.id] * watchers)
        await asyncio.sleep(1)
        audience.lags.clear()
        for number in range(TRANSITIONS):
            await execution.signal("go", number)
            await asyncio.sleep(PACE)
        lags = list(audience.lags)
        await execution.cancel()
        await audience.end()
    name = f"{watchers:,} watchers of one execution"
    note = f"a transition every {PACE:g} s; the watchers share a process"
    return [
        Figure(f"{name}: lag, median", percentile(lags, 0.5) * 1e3, "ms", note),
        Figure(f"{name}: lag, p99", percentile(lags, 0.99) * 1e3, "ms", note),
    ]


def _figures(
    name: str, without: tuple[float, Audience], watched: tuple[float, Audience]
) -> list[Figure]:
    cpu, audience = watched
    micros = (cpu - without[0]) / audience.events * 1e6
    note = f"{audience.events:,} events told; server {cpu:.2f} s, unwatched {without[0]:.2f} s"
    return [Figure(f"{name}: server's CPU", micros, "µs an event and watcher", note)]


async def measure(watchers: int) -> list[Figure]:
    """All of it."""
    found = []
    for part in (one_busy, one_each, lag):
        figures = await part(watchers)
        for figure in figures:
            print(figure.as_text(), flush=True)
        found += figures
    return found


def main() -> None:
    """Measure and add to the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watchers", type=int, default=1_000, help="how many (1000)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file to add to")
    arguments = parser.parse_args()
    save(arguments.results, uvloop.run(measure(arguments.watchers)))


if __name__ == "__main__":
    main()
