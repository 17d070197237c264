"""Several servers of one process on one PostgreSQL, each with a client's stubs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import pytest

from branchline.server.app import App
from branchline.server.cluster import cluster, overdue
from branchline.server.settings import Settings
from branchline.server.storage import postgres_peers
from branchline.v1 import event_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.postgres import connect, new_database
from tests.server.serving import Served, connected

SILENCE = 1.5
"""Seconds after which a server is given up in these tests."""


class Member:
    """One of several servers."""

    def __init__(self, app: App, served: Served) -> None:
        self.app = app
        self.served = served
        self._gone = False

    async def stop(self) -> None:
        """Stop it in order."""
        if not self._gone:
            self._gone = True
            await self.app.stop()

    async def kill(self) -> None:
        """End it without a word to the others: they must find out."""
        self._gone = True
        app = self.app
        for task in app._tasks:  # noqa: SLF001 - a process that dies asks nobody either
            task.cancel()
        await asyncio.gather(*app._tasks, return_exceptions=True)  # noqa: SLF001
        app._workers.close()  # noqa: SLF001
        app._subscriptions.close()  # noqa: SLF001
        app._closings.end()  # noqa: SLF001
        app._feed.close()  # noqa: SLF001
        await app._rpc.stop(0)  # noqa: SLF001
        await app._store.close()  # noqa: SLF001

    @property
    def id(self) -> str:
        """The id under which the others know it now."""
        peers = self.app._store.peers  # noqa: SLF001 - it is in no answer
        assert peers is not None
        return peers.server


class Together:
    """Servers on one database; those that still run at the end are stopped."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self.url = url
        self._stack = stack

    async def join(self, **settings: Any) -> Member:  # noqa: ANN401 - the settings'
        """One server more."""
        chosen = Settings(
            database_url=self.url,
            listen="127.0.0.1:0",
            **{"shutdown_grace": 0.2, **settings},
        )
        app = App(chosen)
        await app.start()
        try:
            served = await self._stack.enter_async_context(connected(app.port))
        except BaseException:
            await app.stop()
            raise
        member = Member(app, served)
        self._stack.push_async_callback(member.stop)
        return member

    async def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        """What the database answers to somebody beside the servers."""
        connection = await connect(self.url)
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()


@asynccontextmanager
async def together() -> AsyncIterator[Together]:
    """A database for several servers that are quick to look after each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "BEAT", 0.1)
        patch.setattr(cluster, "SILENCE", SILENCE)
        patch.setattr(overdue, "_PAUSE", 0.1)
        patch.setattr(postgres_peers, "_AGAIN", 0.05)
        async with new_database() as url, AsyncExitStack() as stack:
            yield Together(url, stack)


@asynccontextmanager
async def two(**settings: Any) -> AsyncIterator[tuple[Served, Served]]:  # noqa: ANN401
    """Two servers that know of each other."""
    async with together() as servers:
        first, second = await servers.join(**settings), await servers.join(**settings)
        yield first.served, second.served


async def watched(served: Served, execution_id: str, after: int = 0) -> list[event_pb2.Event]:
    """Everything that ``WatchExecution`` tells until the execution has closed."""
    call = served.executions.WatchExecution(
        pb.WatchExecutionRequest(execution_id=execution_id, after_sequence=after)
    )
    events: list[event_pb2.Event] = []
    async with asyncio.timeout(20):
        async for answer in call:
            events += answer.events
    return events


def numbers(events: Iterable[event_pb2.Event]) -> list[int]:
    """The sequence numbers of events."""
    return [event.sequence for event in events]


def gapless(events: Iterable[event_pb2.Event], first: int = 1) -> bool:
    """Whether events follow on each other."""
    found = numbers(events)
    return found == list(range(first, first + len(found)))


def outputs(text: str) -> Any:  # noqa: ANN401 - a JSON value
    """Outputs as a plain value."""
    return json.loads(text)
