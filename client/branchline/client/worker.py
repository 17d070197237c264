"""The worker: offers activities and works on the tasks that come for them."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

from branchline.client.activities import activity_of, by_name
from branchline.client.background import Background
from branchline.client.connection import server_address
from branchline.client.crew import Crew
from branchline.client.durations import Length, in_seconds
from branchline.v1 import task_service_pb2 as pb

_MOST_TASKS: Final = 10_000
_MOST_THREADS: Final = 32
_LAST_WORDS: Final = 5.0
"""Seconds that a worker at its end waits for the server to store its last outcomes."""
_LAST_WORDS_WHEN_CANCELLED: Final = 1.0


class Worker:
    """Works on tasks until it is stopped (semantics 7.1 to 7.9).

    Either ``await worker.run()``, or ``async with Worker(...) as worker:``, which works beside
    the code of the context. When that ends, tasks in hand may end as after ``stop``; when it is
    cancelled, they are given back at once. An error of ``run`` ends the code and is raised.

    ``address`` is as for ``Client``; ``activities`` are functions and bound methods marked with
    ``@activity``; ``max_tasks`` is how many tasks it has in hand at the same time; plain
    functions run in at most ``threads`` threads (None: ``max_tasks``, at most 32), and queue for
    them. ``worker_id`` must be unique; None makes one. ``grace`` (seconds, or a ``timedelta``)
    is how long running tasks have to end once the worker is told to stop.

    A lost connection is made again, for ever. Tasks at work go on meanwhile, and no outcome is
    lost: each is sent until the server has stored it.

    Raises:
        TypeError: something in ``activities`` is no activity.
        ValueError: no activities, two of one name, or a number out of range.

    """

    def __init__(
        self,
        address: str | None = None,
        activities: Iterable[Callable[..., Any]] = (),
        *,
        task_queue: str = "default",
        max_tasks: int = 100,
        worker_id: str | None = None,
        grace: Length = 10.0,
        threads: int | None = None,
    ) -> None:
        if not 1 <= max_tasks <= _MOST_TASKS:
            raise ValueError(f"max_tasks must be from 1 to {_MOST_TASKS}, not {max_tasks}")
        self.address = server_address(address)
        self.task_queue = task_queue
        self.worker_id = worker_id or f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
        self.connected = asyncio.Event()
        """Set while the server gives this worker tasks; to be awaited, not set."""
        self._activities = by_name(map(activity_of, activities))
        self._max_tasks = max_tasks
        self._grace = in_seconds(grace)
        self._threads = threads or min(max_tasks, _MOST_THREADS)
        self._stop_asked = asyncio.Event()
        self._has_run = False
        self._background: Background | None = None

    async def run(self) -> None:
        """Work until ``stop`` is called; then finish what can be finished, and return.

        When its task is cancelled, the tasks in hand are given back at once.

        Raises:
            InvalidRequest: the server does not take what the worker offers.
            WorkerReplaced: another worker came with the same id.
            RpcError: no server that would know this worker is there.

        """
        self._begin()
        await self._work()

    async def __aenter__(self) -> Self:
        self._begin()
        self._background = Background(self._work())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._background is not None  # noqa: S101 - it was entered
        self.stop()
        await self._background.leave(error)

    def _begin(self) -> None:
        if self._has_run:
            raise RuntimeError("this worker has run already: make another one")
        self._has_run = True

    async def _work(self) -> None:
        crew = Crew(self.address, self._offer(), self._activities, self._threads, self.connected)
        streaming = asyncio.create_task(crew.stay_connected())
        stopping = asyncio.create_task(self._stop_asked.wait())
        try:
            await asyncio.wait((streaming, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not streaming.done():
                await crew.drain(self._grace, _LAST_WORDS)
        except asyncio.CancelledError:
            await crew.drain(0, _LAST_WORDS_WHEN_CANCELLED)
            raise
        finally:
            stopping.cancel()
            streaming.cancel()
            results = await asyncio.gather(streaming, stopping, return_exceptions=True)
            await crew.close()
        if isinstance(results[0], Exception):
            raise results[0]

    def stop(self) -> None:
        """Take no more tasks, and let ``run`` return when those in hand have ended.

        What is not done after ``grace`` seconds is stopped and given back; no attempt is used
        up. Called on the event loop, for example by a signal handler; calling it again changes
        nothing.
        """
        self._stop_asked.set()

    def _offer(self) -> pb.WorkerHello:
        return pb.WorkerHello(
            worker_id=self.worker_id,
            task_queue=self.task_queue,
            activities=self._activities,
            max_tasks=self._max_tasks,
        )
