"""A server's way to a simulated database that it shares with others.

What PostgreSQL would do is simulated: the real connections, their errors and their time. How the
server deals with those is its own code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from branchline.server.storage import Batch, PostgresOptions, StoreError, TaskRow
from branchline.server.storage.errors import CommitUnknown, Conflict, Taken
from branchline.server.storage.postgres import PostgresDatabase
from branchline.server.storage.postgres_peers import PostgresPeers
from branchline.server.storage.sqlite_connection import in_transaction, translated_errors
from tests.simulation import shared_commit
from tests.simulation.database import Disk, Faults
from tests.simulation.loop import OUTSIDE
from tests.simulation.notes import Board, Ear

T = TypeVar("T")

_NOWHERE: Final = "postgresql://nowhere/nothing"
_LATEST: Final = 5.0
"""Seconds after which a lost connection is noticed at the latest."""


class SharedDatabase(PostgresDatabase):
    """Implements Database; in the place of the real connections there is one link."""

    def __init__(
        self,
        disk: Disk,
        board: Board,
        faults: Faults,
        crash: Callable[[], None] = lambda: None,
    ) -> None:
        """``crash`` ends the server at once."""
        super().__init__(_NOWHERE, PostgresOptions())
        self.database_id = disk.database_id
        self.lookups = None
        self._peers = _Peers(self)
        self.peers = self._peers
        self.link = Link(disk, board, faults, crash)

    def die(self) -> None:
        """The server is gone; what it has sent may arrive nevertheless."""
        self.link.die()

    async def _read(self, query: Callable[[Connection], T]) -> T:
        return await self.link.read(query)

    async def _change(self, change: Callable[[Connection], T]) -> T:
        return await self.link.change(change)

    async def _store(self, batch: Batch) -> list[TaskRow]:
        return await self.link.commit(batch, self.server)

    async def _close(self) -> None:
        await self._peers.close()
        if self._work:
            await asyncio.wait(self._work)


class Link:
    """What is sent to the database: it is on its way even if the server stands still."""

    def __init__(self, disk: Disk, board: Board, faults: Faults, crash: Callable[[], None]) -> None:
        self._disk = disk
        self._board = board
        self._faults = faults
        self._crash = crash
        self._loop = asyncio.get_running_loop()
        self._unanswered: dict[asyncio.Future[Any], None] = {}
        self._dead = False
        self._ear: Ear | None = None

    def die(self) -> None:
        """The server is gone; what it has sent may arrive nevertheless."""
        self._dead = True
        self.deafen()
        for answer in list(self._unanswered):
            answer.cancel()

    def deafen(self) -> None:
        """Lose the connection for notes."""
        if self._ear is not None:
            self._board.remove(self._ear, self._faults.random.uniform(0, _LATEST))
            self._ear = None

    def listen(self) -> asyncio.Future[Ear]:
        """A connection that hears all notes from now on. Raises ``OSError``."""

        def listen() -> Ear:
            self._ear = self._board.add(self._faults)
            return self._ear

        return self._send(listen)

    def read(self, query: Callable[[Connection], T]) -> asyncio.Future[T]:
        """Ask something."""
        return self._send(lambda: in_transaction(self._disk.connection, query))

    def change(self, change: Callable[[Connection], T]) -> asyncio.Future[T]:
        """Change something in a transaction."""

        def work() -> T:
            with translated_errors(), self._disk.transaction():
                return change(self._disk.connection)

        return self._send(work, writes=True)

    def commit(self, batch: Batch, server: str) -> asyncio.Future[list[TaskRow]]:
        """Store a batch."""
        faults = self._faults

        def work() -> list[TaskRow]:
            if faults.random.random() < faults.lies:
                return []
            if faults.skipped():
                raise Conflict(Taken.ROW)  # as after a deadlock
            rows = shared_commit.commit(self._disk, batch, server, faults.skipped)
            self._board.post(batch.notes)
            return rows

        return self._send(work, writes=True, may_crash=True)

    # Inside

    def _send(
        self, work: Callable[[], T], *, writes: bool = False, may_crash: bool = False
    ) -> asyncio.Future[T]:
        """Have the database do something at some moment from now on."""
        answer: asyncio.Future[T] = self._loop.create_future()
        if self._dead:
            answer.cancel()
            return answer
        self._unanswered[answer] = None
        begin = partial(self._begin, work, answer, writes=writes, may_crash=may_crash)
        self._loop.call_later(self._faults.time(), begin, context=OUTSIDE)
        return answer

    def _begin(
        self, work: Callable[[], T], answer: asyncio.Future[T], *, writes: bool, may_crash: bool
    ) -> None:
        faults = self._faults
        if self._dead and not (writes and faults.random.random() < 0.5):
            return
        if may_crash and not self._dead and faults.crashes():
            if faults.random.random() < 0.5:
                with suppress(StoreError):
                    work()
            self._crash()
            return
        tell: Callable[[], None]
        try:
            tell = partial(answer.set_result, self._carry_out(work, writes=writes))
        except Exception as error:  # noqa: BLE001 - whatever it is, the server is told
            tell = partial(answer.set_exception, error)
        self._loop.call_later(faults.time(), self._tell, answer, tell, context=OUTSIDE)

    def _carry_out(self, work: Callable[[], T], *, writes: bool) -> T:
        faults = self._faults
        if faults.out:
            raise OSError("The database is out of order.")
        if faults.fails():
            if faults.random.random() < 0.5:
                raise ConnectionResetError("The connection was lost long ago.")
            raise OSError("The database is not reached: drawn.")
        if writes and faults.in_doubt():
            if faults.random.random() < 0.5:
                with suppress(StoreError):
                    work()
            raise CommitUnknown("The answer to a commit is lost: drawn.")
        return work()

    def _tell(self, answer: asyncio.Future[Any], tell: Callable[[], None]) -> None:
        self._unanswered.pop(answer, None)
        if not self._dead and not answer.done():
            tell()


class _Peers(PostgresPeers):
    """A server among the others, without a real connection for their notes."""

    def __init__(self, database: SharedDatabase) -> None:
        super().__init__(database)
        self._shared = database

    async def _hear_out(self, hear: Callable[[str], None], missed: Callable[[], None]) -> None:
        ear = await self._shared.link.listen()
        missed()
        while (note := await ear.hear()) is not None:
            hear(note)
