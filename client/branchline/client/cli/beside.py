"""Runs a worker in a thread, beside a server that has the main thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Final, TypeAlias

from branchline.client.cli.offering import Function
from branchline.client.errors import BranchlineError

_log: Final = logging.getLogger("branchline.worker")

_Work: TypeAlias = tuple[asyncio.AbstractEventLoop, "asyncio.Task[None]"]


@contextmanager
def working_beside(address: str, activities: Sequence[Function]) -> Iterator[None]:
    """Work for the server that will be at an address, until the context ends.

    What is at work then is given back; a server that is gone already delivers it again when it
    is started the next time (semantics 7.3).
    """
    begun: Future[_Work] = Future()
    thread = Thread(target=lambda: asyncio.run(_work(address, activities, begun)), daemon=True)
    thread.start()
    loop, task = begun.result()
    try:
        yield
    finally:
        with contextlib.suppress(RuntimeError):  # its loop has closed already
            loop.call_soon_threadsafe(task.cancel)
        thread.join()


async def _work(address: str, activities: Sequence[Function], begun: Future[_Work]) -> None:
    task = asyncio.create_task(_run(address, activities))
    begun.set_result((asyncio.get_running_loop(), task))
    await asyncio.wait((task,))


async def _run(address: str, activities: Sequence[Function]) -> None:
    from branchline.client.connection import open_channel
    from branchline.client.worker import Worker

    # The worker would complain of a server that only has yet to start.
    async with open_channel(address) as channel:
        await channel.channel_ready()
    try:
        await Worker(address, activities).run()
    except BranchlineError as error:
        _log.error("the worker has ended: %s", error)
