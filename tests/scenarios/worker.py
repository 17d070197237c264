"""The worker process of a scenario: ``python -m tests.scenarios.worker SOCKET``.

It may die at any time: all that must outlive it is kept by the runner.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

from branchline.client import Worker, activity
from tests.scenarios.line import Line
from tests.scenarios.messages import Begin, Offer
from tests.scenarios.performing import Delivery, shipped
from tests.scenarios.processes import CRASHED
from tests.scenarios.visits import TaskInfo

_AT_MOST = 1_000

Function = Callable[..., Any]


async def main(socket: str) -> None:
    """Offer what the runner says until it hangs up."""
    line = await Line.open(socket)
    setup = await line.hello()
    workers = [
        Worker(
            setup.address,
            _functions(line, offer, setup.file_root),
            task_queue=queue,
            max_tasks=_AT_MOST,
        )
        for queue, offer in setup.offers.items()
    ]
    working = [asyncio.create_task(worker.run()) for worker in workers]
    await asyncio.wait([line.reading, *working], return_when=asyncio.FIRST_COMPLETED)
    for worker in working:
        if worker.done():
            worker.result()


def _functions(line: Line, offer: Offer, file_root: str) -> list[Function]:
    scripted = [_scripted(line, name) for name in offer.scripted]
    own = (shipped(name, file_root) for name in offer.builtin)
    return [*scripted, *(_counted(line, function) for function in own)]


def _scripted(line: Line, name: str) -> Function:
    """An activity that does what the scenario says."""

    @activity(name=name)
    async def perform(**parameters: Any) -> Any:  # noqa: ANN401  # any JSON value
        orders = await line.begin(_question(parameters))
        delivery = Delivery(
            _Backstage(line), orders.actions, parameters, is_first=orders.first_delivery
        )
        try:
            return await delivery.perform()
        finally:
            line.end(orders.run)

    return perform


def _counted(line: Line, function: Function) -> Function:
    """An activity of the SDK's own, with its own checks of parameters, whose runs are counted."""

    @functools.wraps(function)
    async def perform(**parameters: Any) -> Any:  # noqa: ANN401  # any JSON value
        orders = await line.begin(_question(parameters))
        try:
            if inspect.iscoroutinefunction(function):
                return await function(**parameters)
            return await asyncio.to_thread(function, **parameters)
        finally:
            line.end(orders.run)

    return activity(name=activity.name_of(function) or function.__name__)(perform)


def _question(parameters: dict[str, Any]) -> Begin:
    task = activity.context().task
    info = TaskInfo(
        execution_id=task.execution_id,
        branch=task.branch,
        step=task.step,
        activity=task.activity,
        attempt=task.attempt,
        item=task.item,
    )
    return Begin(task=info, parameters=parameters)


class _Backstage:
    """The runner, at the other end of the line; it hears of progress from the server."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def computed(self, key: str) -> None:
        await self._line.computed(key)

    def progressed(self, execution_id: str, message: str) -> None:
        pass

    async def crash(self) -> None:
        os._exit(CRASHED)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
