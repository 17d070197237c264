"""Databases that servers share, real and simulated, each with what a test does beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from random import Random
from typing import Protocol

from branchline.server.storage import Store
from tests.postgres import execute, new_database
from tests.simulation.database import Disk, Faults
from tests.simulation.loop import START
from tests.simulation.notes import Board
from tests.simulation.odds import NOTHING
from tests.simulation.shared import SharedDatabase

_OLDER = "UPDATE servers SET seen = seen - 10000000 WHERE id = '{server}'"


class Shared(Protocol):
    """A database for several servers."""

    async def open(self) -> Store:
        """A server's store more."""
        ...

    async def age(self, server: str) -> None:
        """Make a server's last sign of life ten seconds older."""
        ...


class _Postgres:
    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> Store:
        return await Store.open(self._url)

    async def age(self, server: str) -> None:
        await execute(self._url, _OLDER.format(server=server))


class Simulated:
    """One that the simulation uses, and nothing goes wrong with it unless a test says so."""

    def __init__(self) -> None:
        self.disk = Disk()
        self.disk.now = count(START).__next__
        self.faults = Faults(Random(1), NOTHING)
        self._board = Board()

    def connect(self) -> SharedDatabase:
        """A server's way to it."""
        return SharedDatabase(self.disk, self._board, self.faults)

    async def open(self) -> Store:
        """A server's store more."""
        database = self.connect()
        return Store(database, database.database_id)

    async def age(self, server: str) -> None:
        """Make a server's last sign of life ten seconds older."""
        with self.disk.transaction():
            self.disk.raw.execute(_OLDER.format(server=server))


@asynccontextmanager
async def shared_database(kind: str) -> AsyncIterator[Shared]:
    """An empty one, ``postgresql`` or ``simulated``."""
    if kind == "simulated":
        yield Simulated()
    else:
        async with new_database() as url:
            yield _Postgres(url)
