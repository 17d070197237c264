"""The hot paths that ``micro.py`` measures."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import flows
import msgspec
import store as batches
from playing import NOW, Player, plan

from branchline.engine import CompleteTask, Execution, decide, evolve, start
from branchline.engine.events import Event, TaskScheduled
from branchline.engine.expressions import Json, compile_expression, compile_template
from branchline.engine.values import encode
from branchline.server.dispatch import Offer, PendingTask, TaskKey, TaskPayload
from branchline.server.dispatch.assign import ReadyTasks, Roster, assign
from branchline.server.dispatch.task import Worker
from branchline.server.histories import events_of, history_rows, rebuild, snapshot_row
from branchline.server.storage import Batch, Store

Work = Callable[[int], object]
"""Does an operation so many times."""

_RESULT = encode({"ok": True, "order": "o-1", "amount": 12.5})
_SCOPE = {
    "state": {"order": {"total": 150, "lines": [{"price": 5}, {"price": 9}]}, "tries": 2},
    "inputs": {"customer": "ada"},
}
_CONDITION = 'state.order.total > 100 && inputs.customer == "ada" && state.tries < 3'
_TEMPLATE: Json = {
    "to": "${inputs.customer}",
    "text": "Dear ${inputs.customer}: ${state.order.total}",
}


class Case(NamedTuple):
    """A hot path."""

    address: str
    ready: Callable[[], AbstractContextManager[Work]]


CASES: dict[str, Case] = {}


def _case(name: str, address: str) -> Callable[[Callable[[], Iterator[Work]]], None]:
    def add(make: Callable[[], Iterator[Work]]) -> None:
        CASES[name] = Case(address, contextmanager(make))

    return add


def _repeating(operation: Callable[[], object]) -> Work:
    def work(times: int) -> None:
        for _ in range(times):
            operation()

    return work


def _events() -> list[Event]:
    """The events of a step that ends and the one that follows."""
    found: list[list[Event]] = []
    player = Player(plan(flows.chain()), lambda _: _RESULT, {"value": 1}, found.append)
    player.play(2)
    return found[-1]


@_case("start", "engine/decide.py:start")
def _start() -> Iterator[Work]:
    ready, inputs = plan(flows.chain()), {"value": encode(1)}
    yield _repeating(lambda: start(ready, "exec_1", inputs, NOW))


@_case("decide: step to step", "engine/decide.py:decide")
def _decide() -> Iterator[Work]:
    ready = plan(flows.loop())
    state, events = start(ready, "exec_1", {}, NOW)
    more = encode(True)  # noqa: FBT003 - a document
    task = 1

    def work(times: int) -> None:
        nonlocal task
        for _ in range(times):
            found = decide(ready, state, CompleteTask(task, more), NOW)
            task = next(e.task for e in found if isinstance(e, TaskScheduled))

    task = next(e.task for e in events if isinstance(e, TaskScheduled))
    yield work


@_case("evolve: an event", "engine/evolve/_evolve.py:evolve")
def _evolve() -> Iterator[Work]:
    history: list[Event] = []
    Player(plan(flows.chain(100)), lambda _: _RESULT, {"value": 1}, history.extend).play()

    def work(times: int) -> None:
        for _ in range(-(-times // len(history))):
            state = Execution(id="exec_1")
            for event in history:
                evolve(state, event, NOW)

    yield work


@_case("expression: compile", "engine/expressions/_expression.py:compile_expression")
def _compile() -> Iterator[Work]:
    yield _repeating(lambda: compile_expression(_CONDITION))


@_case("expression: evaluate", "engine/expressions/_expression.py:Expression.evaluate")
def _evaluate() -> Iterator[Work]:
    expression = compile_expression(_CONDITION)
    yield _repeating(lambda: expression.evaluate(_SCOPE))


@_case("expression: macro over a list", "engine/expressions/_loops.py")
def _macro() -> Iterator[Work]:
    expression = compile_expression("state.order.lines.filter(l, l.price > 6).map(l, l.price)")
    yield _repeating(lambda: expression.evaluate(_SCOPE))


@_case("template: render", "engine/expressions/_templates.py:Template.render")
def _render() -> Iterator[Work]:
    template = compile_template(_TEMPLATE)
    yield _repeating(lambda: template.render(_SCOPE))


@_case("history row: encode", "server/histories.py:history_rows")
def _encode_row() -> Iterator[Work]:
    events = _events()
    yield _repeating(lambda: history_rows(1, 20, NOW, events))


@_case("history row: decode", "server/histories.py:events_of")
def _decode_row() -> Iterator[Work]:
    row = history_rows(1, 20, NOW, _events())[0]
    yield _repeating(lambda: events_of(row))


@_case("snapshot: encode", "server/histories.py:snapshot_row")
def _encode_snapshot() -> Iterator[Work]:
    player = Player(plan(flows.chain(100)), lambda _: _RESULT, {"value": 1})
    player.play(50)
    yield _repeating(lambda: snapshot_row(1, player.state))


@_case("rebuild: 400 events", "server/histories.py:rebuild")
def _rebuild() -> Iterator[Work]:
    history: list[Event] = []
    player = Player(plan(flows.chain(200)), lambda _: _RESULT, {"value": 1}, history.extend)
    player.play(100)
    events = history[:400]
    rows = [
        row
        for first in range(0, len(events), 4)
        for row in history_rows(1, first + 4, NOW, events[first : first + 4])
    ]
    yield _repeating(lambda: rebuild("exec_1", None, rows))


@_case("commit: a batch of 100 steps", "server/storage/sqlite_commit.py")
def _commit() -> Iterator[Work]:
    yield from _commits(100)


@_case("commit: a batch of 1 step", "server/storage/sqlite_commit.py")
def _commit_one() -> Iterator[Work]:
    yield from _commits(1)


def _commits(group: int) -> Iterator[Work]:
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        opened = runner.run(Store.open(f"sqlite:///{Path(folder, 'bench.db')}"))
        known = Batch(started=[batches.execution(number) for number in range(1000)])
        runner.run(opened.commit(known))
        steps = batches.transitions(group)

        async def commit(times: int) -> None:
            for _ in range(times):
                await opened.commit(next(steps))

        yield lambda times: runner.run(commit(times))
        runner.run(opened.close())


@_case("assign: a task", "server/dispatch/assign.py:assign")
def _assign() -> Iterator[Work]:
    offers: list[Offer] = [("default", f"activity {number}") for number in range(10)]
    roster, ready, numbers = Roster(), ReadyTasks(), count()
    for number in range(20):
        worker = Worker(f"worker {number}", 0.0)
        worker.offers = tuple(offers)
        worker.room = 100
        roster.add(worker)
    payload = TaskPayload("exec_1", "flow", 1, "main", "step", 1, encode({}))

    def work(times: int) -> None:
        done = 0
        while done < times:
            for _ in range(100):
                task = next(numbers)
                ready.add(PendingTask(TaskKey(1, task), offers[task % 10], payload))
            for _, worker in assign(ready, roster):
                roster.give_room(worker)
            done += 100

    yield work


@_case("JSON: encode a document", "engine/values.py:encode")
def _encode() -> Iterator[Work]:
    document = msgspec.json.decode(bytes(_RESULT))
    yield _repeating(lambda: encode(document))
