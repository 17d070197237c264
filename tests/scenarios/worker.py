"""The worker process of a scenario: ``python -m tests.scenarios.worker SOCKET``.

It may die at any time: all that must outlive it is kept by the runner.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

from branchline.client import Worker, activity
from branchline.client.builtin import BUILTINS, file, shell
from tests.scenarios.line import Line
from tests.scenarios.messages import Offer
from tests.scenarios.performing import counted, deliver

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
    shipped = (_shipped(name, file_root) for name in offer.builtin)
    return [*scripted, *(_counted(line, function) for function in shipped)]


def _shipped(name: str, file_root: str) -> Function:
    """An activity of the SDK's own."""
    if name == "shell":
        return shell()
    if name == "file":
        return file(file_root)
    return BUILTINS[name]


def _scripted(line: Line, name: str) -> Function:
    """An activity that does what the scenario says."""

    @activity(name=name)
    async def perform(**parameters: Any) -> Any:  # noqa: ANN401  # any JSON value
        return await deliver(line, parameters)

    return perform


def _counted(line: Line, shipped: Function) -> Function:
    """An activity of the SDK's own, with its own checks of parameters, whose runs are counted."""

    @functools.wraps(shipped)
    async def perform(**parameters: Any) -> Any:  # noqa: ANN401  # any JSON value
        if inspect.iscoroutinefunction(shipped):
            return await counted(line, parameters, lambda: shipped(**parameters))
        return await counted(line, parameters, lambda: asyncio.to_thread(shipped, **parameters))

    return activity(name=activity.name_of(shipped) or shipped.__name__)(perform)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
