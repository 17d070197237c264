"""A server, a worker and a client in one process."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from branchline.client.client import Client
from branchline.client.embedding import embedded_for_now
from branchline.client.worker import Worker

_GRACE: Final = 2.0
"""Seconds that tasks at work have to end."""


@asynccontextmanager
async def local(
    activities: Iterable[Callable[..., Any]] = (),
    *,
    database: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[Client]:
    """Give a client of a server that runs in this process, with a worker.

    For tests, scripts and trying things out. It needs the server installed:
    ``pip install "branchline[server]"``.

    ``activities`` are offered on the task queue ``default``; for other queues start workers of
    your own at the client's ``address``. ``database`` is a file, or a URL, that keeps
    everything; without one nothing outlives the context. ``settings`` are those of the server
    by their names, such as ``{"lease": 1}``. Tasks at work have two seconds to end when the
    context does; what is not done then is given back.

    Raises:
        ServerNotInstalled: the server, or a package that it needs, is not installed.
        ServerCannotStart: the database cannot be used, or a setting.
        TypeError: something in ``activities`` is no activity.

    """
    offered = list(activities)
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(embedded_for_now(database, settings))
        client = await stack.enter_async_context(Client(address))
        if offered:
            await stack.enter_async_context(Worker(address, offered, grace=_GRACE))
        yield client
