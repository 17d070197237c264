"""Servers that share a PostgreSQL; implements Peers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar
from uuid import uuid4

from sqlalchemy import Connection

from branchline.server.storage import cluster, postgres_tasks
from branchline.server.storage.postgres_connection import DRIVER_ERRORS, connect
from branchline.server.storage.postgres_options import PostgresOptions
from branchline.server.storage.rows import Batch, LifeSign, TaskHold, TaskKey, TaskRow

_AGAIN = 0.5
"""Seconds before a lost connection for listening is opened again."""

_CHECK = 5.0
"""Seconds between two looks at whether that connection still lives."""


T = TypeVar("T")


class SharedDatabase(Protocol):
    """What is needed of the database."""

    server: str
    source: str
    options: PostgresOptions

    def read(self, query: Callable[[Connection], T]) -> Awaitable[T]:
        """See Database."""
        ...

    def write(self, change: Callable[[Connection], T]) -> Awaitable[T]:
        """See Database."""
        ...

    def write_beside(self, change: Callable[[Connection], T]) -> Awaitable[T]:
        """Run a change in a transaction of its own, also while others are under way."""
        ...

    def commit(self, batch: Batch) -> Awaitable[list[TaskRow]]:
        """See Database."""
        ...


class PostgresPeers:
    """A server among the others."""

    def __init__(self, database: SharedDatabase) -> None:
        self._database = database
        self._listening: asyncio.Task[None] | None = None
        self._naming = asyncio.Lock()
        """Held while the server's id changes, or is given to tasks: an old one is nobody's."""

    @property
    def server(self) -> str:
        """See Peers."""
        return self._database.server

    async def now(self) -> int:
        """See Peers."""
        return await self._database.read(cluster.now)

    async def join(self) -> list[TaskRow]:
        """See Peers."""
        new = uuid4().hex[:16]

        def change(connection: Connection) -> list[TaskRow]:
            if self.server:
                cluster.leave(connection, self.server)
            cluster.join(connection, new)
            return cluster.adopt_orphans(connection, new)

        async with self._naming:
            rows = await self._database.write(change)
            self._database.server = new
        return rows

    async def leave(self) -> None:
        """See Peers."""
        await self._database.write(lambda c: cluster.leave(c, self.server))

    async def beat(self) -> int | None:
        """See Peers."""
        return await self._database.write_beside(lambda c: cluster.beat(c, self.server))

    async def signs(self) -> list[LifeSign]:
        """See Peers."""
        return await self._database.read(cluster.signs)

    async def bury(self, silent: Sequence[LifeSign]) -> list[str]:
        """See Peers."""
        return await self._database.write_beside(lambda c: cluster.bury(c, silent))

    async def roll(self) -> list[str]:
        """See Peers."""
        return await self._database.read(cluster.roll)

    async def adopt_orphans(self) -> list[TaskRow]:
        """See Peers."""
        async with self._naming:
            return await self._database.write(lambda c: cluster.adopt_orphans(c, self.server))

    async def adopt(self, deliveries: Sequence[TaskHold]) -> list[TaskRow]:
        """See Peers."""
        async with self._naming:
            return await self._database.write(lambda c: cluster.adopt(c, self.server, deliveries))

    async def standing(self, deliveries: Sequence[TaskHold]) -> list[TaskRow]:
        """See Peers."""
        return await self._database.read(lambda c: cluster.standing(c, deliveries))

    async def owned(self, keys: Sequence[TaskKey]) -> list[TaskKey]:
        """See Peers."""
        return await self._database.read(lambda c: cluster.owned(c, self.server, keys))

    async def overdue(self, at: int, limit: int) -> list[TaskRow]:
        """See Peers."""
        return await self._database.read(lambda c: cluster.overdue(c, at, limit))

    async def tell(self, notes: Sequence[str]) -> None:
        """See Peers."""
        await self._database.commit(Batch(notes=list(notes)))

    def listen(self, hear: Callable[[str], None], missed: Callable[[], None]) -> None:
        """See Peers."""
        self._listening = asyncio.create_task(self._listen(hear, missed), name="listening")

    async def close(self) -> None:
        """Listen no more."""
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening

    async def _listen(self, hear: Callable[[str], None], missed: Callable[[], None]) -> None:
        while True:
            with contextlib.suppress(*DRIVER_ERRORS):
                await self._hear_out(hear, missed)
            await asyncio.sleep(_AGAIN)

    async def _hear_out(self, hear: Callable[[str], None], missed: Callable[[], None]) -> None:
        """Listen on a connection for as long as it lives."""
        database = self._database
        connection = await connect(database.source, database.options)
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _connection: lost.set())
        try:
            await connection.add_listener(
                postgres_tasks.CHANNEL, lambda _c, _pid, _channel, note: hear(str(note))
            )
            missed()
            while not connection.is_closed():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_CHECK):
                        await lost.wait()
                if not lost.is_set():
                    await connection.execute("SELECT 1")
        finally:
            connection.terminate()
