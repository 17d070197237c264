"""Runs workers until they are told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from branchline.client.worker import Worker

_T = TypeVar("_T")

_STOPS = (signal.SIGINT, signal.SIGTERM)


async def work_until_signalled(worker: Worker) -> None:
    """Work until SIGINT or SIGTERM, and drain then; a second one stops at once.

    Raises:
        RpcError: the server does not take the worker.
        KeyboardInterrupt: it was stopped at once.

    """
    running = asyncio.ensure_future(worker.run())
    asked = 0

    def ask() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            worker.stop()
        else:
            running.cancel()

    with on_stop_signals(ask):
        await asyncio.wait((running,))
    if running.cancelled():
        raise KeyboardInterrupt
    running.result()


@contextmanager
def on_stop_signals(call: Callable[[], object]) -> Iterator[None]:
    """Have something called, instead of what SIGINT and SIGTERM usually do."""
    loop = asyncio.get_running_loop()
    taken = []
    # Windows has no such handlers: there Ctrl-C interrupts, as it does everywhere else.
    with contextlib.suppress(NotImplementedError):
        for number in _STOPS:
            loop.add_signal_handler(number, call)
            taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def at_work(workers: Iterable[Worker]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Let workers work inside of the context; gives their tasks."""
    crew = list(workers)
    tasks = [asyncio.create_task(worker.run()) for worker in crew]
    try:
        yield tasks
    finally:
        for worker in crew:
            worker.stop()
        await asyncio.gather(*tasks, return_exceptions=True)


async def unless_ended(work: Coroutine[Any, Any, _T], others: Collection[asyncio.Task[None]]) -> _T:
    """Do work while the others go on; one that fails ends the work, too.

    Raises:
        Exception: what the work, or one of the others, raised.

    """
    main = asyncio.create_task(work)
    try:
        await asyncio.wait({main, *others}, return_when=asyncio.FIRST_COMPLETED)
        for other in others:
            if other.done():
                other.result()
        return await main
    finally:
        if not main.done():
            main.cancel()
            await asyncio.wait((main,))
