"""A database in memory whose operations take simulated time and fail by a seed.

One writer and one reader beside it, as SQLite has them: each takes one thing after the other, and
what was handed in is carried out whatever becomes of its caller.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from random import Random
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, create_engine, event, update
from sqlalchemy.pool import StaticPool

from branchline.server.storage import (
    Batch,
    StoreError,
    StoreUnavailable,
    TaskRow,
    cluster,
    sqlite_commit,
    upgrade,
)
from branchline.server.storage.lookups import Lookups
from branchline.server.storage.peers import Peers
from branchline.server.storage.schema import meta
from branchline.server.storage.sqlite_connection import (
    driver_connection,
    in_transaction,
    translated_errors,
)
from tests.simulation.loop import START, SimulatedLoop
from tests.simulation.odds import Odds

T = TypeVar("T")

_ID: Final = "5113a7e0-0000-4000-8000-000000000000"
_POSTGRES_NOW: Final = str(cluster._NOW)  # noqa: SLF001 - all that SQLite does not understand
_TICK: Final = 2e-6
"""Seconds between two operations of a lane: two of one moment could change places."""


class Disk:
    """What outlives every crash: the database itself. It can be set back to its template."""

    database_id = _ID

    def __init__(self) -> None:
        self.now: Callable[[], int] = lambda: START
        """The database's own time, microseconds since the epoch."""
        engine = create_engine(
            "sqlite://",
            poolclass=StaticPool,
            connect_args={"isolation_level": None, "cached_statements": 512},
        )
        event.listen(engine, "before_cursor_execute", _tell_time, retval=True)
        self.connection: Final[Connection] = engine.connect()
        self.raw: Final[sqlite3.Connection] = driver_connection(self.connection)
        self.raw.create_function("simulated_now", 0, lambda: self.now())  # noqa: PLW0108 - another each run
        with self.transaction():
            upgrade.upgrade(self.connection)
            # The server's ids follow from it.
            self.connection.execute(update(meta).values(database_id=_ID))
        self._template = sqlite3.connect(":memory:")
        self.keep()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written meanwhile is stored together. Reads need none: nobody comes between."""
        self.raw.execute("BEGIN")
        with self.connection.begin():
            yield

    def live(self) -> list[str]:
        """The executions that have not closed, and those that are still to be cancelled."""
        query = (
            "SELECT id FROM executions WHERE close_time IS NULL"
            " UNION ALL SELECT execution FROM cancellations"
        )
        return [row[0] for row in self.raw.execute(query)]

    def keep(self) -> None:
        """Make what is there the template."""
        self.raw.backup(self._template)

    def reset(self) -> None:
        """Be as the template is."""
        self._template.backup(self.raw)


def _tell_time(
    _connection: object,
    _cursor: object,
    statement: str,
    parameters: Any,  # noqa: ANN401 - SQLAlchemy's
    _context: object,
    _many: object,
) -> tuple[str, Any]:
    return statement.replace(_POSTGRES_NOW, "simulated_now()"), parameters


class Faults:
    """How a run's database behaves."""

    def __init__(self, random: Random, odds: Odds) -> None:
        self.random = random
        self.odds = odds
        self.over = False
        """Whether nothing goes wrong any more."""
        self.out = False
        """Whether the database is out of order for now."""
        self.lies = 0.0
        """How often it says to have stored what it has not: then promises must break."""

    def fails(self) -> bool:
        """Whether an operation does not happen."""
        return self.out or self._strikes(self.odds.store_fails)

    def in_doubt(self) -> bool:
        """Whether the answer to a write is lost."""
        return self._strikes(self.odds.in_doubt)

    def skipped(self) -> bool:
        """Whether a row is left out because somebody else is about to change it."""
        return self._strikes(self.odds.contended)

    def deafens(self) -> bool:
        """Whether the connection for a note is lost, and the note with it."""
        return self._strikes(self.odds.deaf)

    def crashes(self) -> bool:
        """Whether the server comes to its end in the middle of a commit."""
        return self._strikes(self.odds.crash_in_commit)

    def time(self) -> float:
        """Seconds that an operation takes."""
        if self._strikes(self.odds.slow_commit):
            return self.random.uniform(0.1, 2.0)
        return self.random.uniform(0, self.odds.commit_time)

    def _strikes(self, chance: float) -> bool:
        return not self.over and chance > 0 and self.random.random() < chance


class _Lane:
    """Takes one operation after the other."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop
        self._free_at = 0.0

    def after(self, seconds: float) -> float:
        """When an operation that is handed in now and takes so long is done."""
        self._free_at = max(self._loop.time(), self._free_at) + seconds + _TICK
        return self._free_at


class SimulatedDatabase:
    """One server's way to the disk; implements Database."""

    database_id = _ID
    peers: Peers | None = None
    lookups: Lookups | None = None

    def __init__(
        self,
        disk: Disk,
        faults: Faults,
        loop: SimulatedLoop,
        crash: Callable[[], None] = lambda: None,
    ) -> None:
        """``crash`` ends the server at once."""
        self._disk = disk
        self._faults = faults
        self._loop = loop
        self._crash = crash
        self._reader, self._writer = _Lane(loop), _Lane(loop)
        self._closed = False
        self._unanswered: dict[asyncio.Future[Any], None] = {}
        self._dead = False

    def read(self, query: Callable[[Connection], T]) -> asyncio.Future[T]:
        """See Database."""
        return self._do(self._reader, lambda: in_transaction(self._disk.connection, query))

    def write(self, change: Callable[[Connection], T]) -> asyncio.Future[T]:
        """See Database."""

        def write() -> T:
            with translated_errors(), self._disk.transaction():
                return change(self._disk.connection)

        return self._do(self._writer, write)

    def commit(self, batch: Batch) -> asyncio.Future[list[TaskRow]]:
        """See Database."""

        def commit() -> list[TaskRow]:
            if self._faults.random.random() < self._faults.lies:
                return []
            with translated_errors():
                sqlite_commit.commit(self._disk.raw, batch)
            return []

        return self._do(self._writer, commit, may_crash=True)

    async def close(self) -> None:
        """See Database."""
        self._closed = True

    def die(self) -> None:
        """The server is gone: nothing of it is carried out any more."""
        self._dead = True
        for answer in list(self._unanswered):
            answer.cancel()

    def _do(
        self, lane: _Lane, work: Callable[[], T], *, may_crash: bool = False
    ) -> asyncio.Future[T]:
        answer: asyncio.Future[T] = self._loop.create_future()
        if self._dead:
            answer.cancel()
            return answer
        if self._closed:
            answer.set_exception(StoreUnavailable("The database is closed."))
            return answer
        self._unanswered[answer] = None
        done = lane.after(self._faults.time())
        told = lane.after(self._faults.time())
        self._loop.call_at(done, self._work, work, answer, told, may_crash)
        return answer

    def _work(
        self,
        work: Callable[[], T],
        answer: asyncio.Future[T],
        told: float,
        may_crash: bool,  # noqa: FBT001 - a callback's
    ) -> None:
        faults = self._faults
        if self._dead:
            return
        if may_crash and faults.crashes():
            if faults.random.random() < 0.5:
                with suppress(StoreError):
                    work()
            self._crash()
            return
        tell: Callable[[], None]
        try:
            if faults.fails():
                raise StoreUnavailable("The database is not available: drawn.")  # noqa: TRY301
            result = work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the server is told
            tell = partial(answer.set_exception, error)
        else:
            tell = partial(answer.set_result, result)
        self._loop.call_at(told, self._tell, answer, tell)

    def _tell(self, answer: asyncio.Future[Any], tell: Callable[[], None]) -> None:
        self._unanswered.pop(answer, None)
        if not self._dead and not answer.done():
            tell()
