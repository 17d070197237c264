"""Whether the cost of a server, a worker and a client together stays flat, by what is at work."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping

import flows
from hosting import Crew, hosted, run_many
from measuring import LINEAR, Point, Series, cpu_of

from branchline.client import Client

ROUNDS = 10_000
WINDOWS = 20
TASKS = 2_000
"""A measurement has about so many tasks, by as many executions as that takes."""
REPEAT = 5


async def loop() -> Series:
    """Stretches of a long loop."""
    window = ROUNDS // WINDOWS
    times: list[float] = []
    async with hosted([flows.loop()]) as (client, crew):
        await _rounds(client, crew, "loop", 100)
        crew.when_round = lambda: times.append(time.process_time())
        await _rounds(client, crew, "loop", ROUNDS)
    times.append(time.process_time())
    points = [
        Point(end, (times[end] - times[end - window]) / window * 1e6)
        for end in range(window, ROUNDS + 1, window)
    ]
    return Series("server, loop", "rounds done", "a round", points)


async def each() -> Series:
    """Items of lists of several lengths."""
    sizes = (10, 40, 160, 625, 2_500, 10_000)
    async with hosted([flows.each()]) as (client, _):
        points = [
            await _point(client, "each", size, {"items": list(range(size))}) for size in sizes
        ]
    return Series("server, each", "items", "an item", points)


async def fork() -> Series:
    """Branches of forks of several widths, with a join."""
    sizes = (10, 32, 100, 320, 1_000)
    async with hosted([flows.fork(size) for size in sizes]) as (client, _):
        points = [await _point(client, f"fork {size}", size, {}) for size in sizes]
    return Series("server, fork and join", "branches", "a branch", points)


async def state() -> Series:
    """Rounds of a loop beside a state that nobody touches."""
    sizes = (0, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
    rounds, points = 500, []
    async with hosted([flows.filled_loop()]) as (client, crew):
        for size in sizes:
            part = min(size, 1_000_000)
            inputs = {"parts": [part] * (size // part if part else 0)}
            costs = [await _cpu_of_rounds(client, crew, rounds, inputs) for _ in range(REPEAT)]
            points.append(Point(size, statistics.median(costs)))
    return Series("server, state", "bytes of state", "a round", points)


async def payload() -> Series:
    """Steps of a chain that hand a document on."""
    sizes = (100, 1_000, 10_000, 100_000, 1_000_000)
    points = []
    async with hosted([flows.chain(20)]) as (client, _):
        for size in sizes:
            inputs = {"value": "x" * size}
            points.append(await _point(client, "chain", 20, inputs, times=10, size=size))
    return Series("server, payload", "bytes of a result", "a step", points, LINEAR)


async def _rounds(client: Client, crew: Crew, workflow: str, rounds: int) -> None:
    crew.rounds_left = rounds
    await (await client.start(workflow)).result(600)


async def _cpu_of_rounds(
    client: Client, crew: Crew, rounds: int, inputs: Mapping[str, object]
) -> float:
    """CPU time of a round once the state is filled, the first ones aside."""
    times: list[float] = []
    crew.when_round = lambda: times.append(time.process_time())
    crew.rounds_left = rounds
    await (await client.start("filled", dict(inputs))).result(600)
    first = rounds // 10
    return (times[-1] - times[first]) / (len(times) - 1 - first) * 1e6


async def _point(
    client: Client,
    workflow: str,
    tasks: int,
    inputs: Mapping[str, object],
    *,
    times: int = 0,
    size: int = 0,
) -> Point:
    """The cost of a task of one execution after the other."""

    async def run() -> None:
        await (await client.start(workflow, dict(inputs))).result(600)

    number = times or max(TASKS // tasks, 1)
    await run()
    costs = [await cpu_of(lambda: run_many(number, run, 1)) for _ in range(REPEAT)]
    return Point(size or tasks, statistics.median(costs) / (number * tasks) * 1e6)


SERIES = {"loop": loop, "each": each, "fork": fork, "state": state, "payload": payload}
"""By name, for the command line."""
