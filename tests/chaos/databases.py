"""The databases that servers run on, and what can be done to them."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from tests import postgres


class Database:
    """A database file of SQLite."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_file = True

    async def crash(self) -> bool:
        """Let it end without a chance to write anything down; False when that is not possible."""
        return False


class PostgresDatabase(Database):
    """A database in a PostgreSQL; that can be crashed when it runs on this machine."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.is_file = False

    async def crash(self) -> bool:
        """Kill one of its processes: then it ends all others, and recovers as after a crash."""
        try:
            connection = await asyncpg.connect(self.url)
        except (OSError, asyncpg.PostgresError):
            return True  # It has not recovered from the last one.
        try:
            folder = Path(await connection.fetchval("SHOW data_directory"))
            if not (folder / "postmaster.pid").exists():
                return False
            os.kill(connection.get_server_pid(), signal.SIGKILL)
        finally:
            connection.terminate()
        return True


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[Database]:
    """An empty database."""
    if kind == "sqlite":
        yield Database(f"sqlite:///{folder / 'branchline.db'}")
        return
    async with postgres.new_database() as url:
        yield PostgresDatabase(url)
