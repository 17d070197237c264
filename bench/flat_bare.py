"""Whether the engine's cost stays flat, by what is at work.

The bare engine decides and encodes what would be stored, as the server does in every turn.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from functools import partial

import flows
import msgspec
from measuring import LINEAR, Point, Series, median_of
from playing import Player, cpu_of_play, plan

from branchline.engine.events import Event, TaskScheduled
from branchline.engine.values import Json, encode

ROUNDS = 10_000
WINDOWS = 20
REPEAT = 3
TASKS = 2_000
"""A measurement has about so many tasks, by as many executions as that takes."""

_MORE, _ENOUGH, _ONE = encode(True), encode(False), encode(1)  # noqa: FBT003 - documents
_encode_events = msgspec.json.Encoder().encode


def _stored(events: list[Event]) -> object:
    return _encode_events(events)


def _rounds(rounds: int) -> Callable[[TaskScheduled], Json]:
    left = iter(range(rounds - 1))
    return lambda _task: _MORE if next(left, None) is not None else _ENOUGH


def loop() -> Series:
    """Stretches of a long loop."""
    window = ROUNDS // WINDOWS
    ready = plan(flows.loop())
    Player(ready, _rounds(window), when_decided=_stored).play()
    players = [Player(ready, _rounds(ROUNDS), when_decided=_stored) for _ in range(REPEAT)]
    points = []
    for end in range(window, ROUNDS + 1, window):
        costs = [cpu_of_play(player, window) for player in players]
        points.append(Point(end, statistics.median(costs) / window * 1e6))
    return Series("engine, loop", "rounds done", "a round", points)


def each() -> Series:
    """Items of lists of several lengths."""
    ready = plan(flows.each())

    def measure(items: int) -> float:
        inputs = {"items": list(range(items))}
        return _per_task(lambda: Player(ready, lambda _: _ONE, inputs, _stored), items)

    sizes = (10, 40, 160, 625, 2_500, 10_000)
    return Series("engine, each", "items", "an item", _points(sizes, measure))


def fork() -> Series:
    """Branches of forks of several widths, with a join."""
    plans = {width: plan(flows.fork(width)) for width in (10, 32, 100, 320, 1_000)}

    def measure(width: int) -> float:
        ready = plans[width]
        return _per_task(lambda: Player(ready, lambda _: _ONE, None, _stored), width)

    return Series("engine, fork and join", "branches", "a branch", _points(plans, measure))


def state() -> Series:
    """Rounds of a loop beside a state that nobody touches."""

    def measure(size: int) -> float:
        part = encode("x" * min(size, 1_000_000))
        inputs = {"parts": [1] * (-(-size // 1_000_000))}
        more = _rounds(TASKS)
        player = Player(
            plan(flows.filled_loop()),
            lambda task: part if task.activity == "fill" else more(task),
            inputs,
            _stored,
        )
        player.play(len(inputs["parts"]))
        return cpu_of_play(player) / TASKS * 1e6

    sizes = (0, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
    return Series("engine, state", "bytes of state", "a round", _points(sizes, measure))


def payload() -> Series:
    """Steps of a chain that hand a document on."""
    ready = plan(flows.chain(20))

    def measure(size: int) -> float:
        document = "x" * size
        result = encode(document)
        inputs = {"value": document}
        return _per_task(lambda: Player(ready, lambda _: result, inputs, _stored), 20)

    sizes = (100, 1_000, 10_000, 100_000, 300_000, 1_000_000)
    return Series("engine, payload", "bytes of a result", "a step", _points(sizes, measure), LINEAR)


def _per_task(make: Callable[[], Player], tasks: int) -> float:
    times = max(TASKS // tasks, 1)
    began = time.process_time()
    for _ in range(times):
        make().play()
    return (time.process_time() - began) / (times * tasks) * 1e6


def _points(sizes: Iterable[int], measure: Callable[[int], float]) -> list[Point]:
    return [Point(size, median_of(REPEAT, partial(measure, size))) for size in sizes]


SERIES = {"loop": loop, "each": each, "fork": fork, "state": state, "payload": payload}
"""By name, for the command line."""
