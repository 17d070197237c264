"""PostgreSQL as either side of a copy: locked against everybody who would change it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from branchline.server.storage.copying import TABLES, check_source, check_target
from branchline.server.storage.errors import DatabaseInUse
from branchline.server.storage.postgres_connection import connect, translated_errors
from branchline.server.storage.postgres_opening import opening, prepare
from branchline.server.storage.postgres_options import PostgresOptions
from branchline.server.storage.postgres_url import data_source, place_of

_NAME: Final = "branchline copy"
"""What the connection is called, so that it is not taken for a server's."""

_SERVERS: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'branchline'
"""
_LOOKS: Final = 10
_LISTED: Final = ", ".join(table.name for table in TABLES)
_LOCKED: Final = "55P03"
_SETTINGS: Final = {"application_name": _NAME, "idle_in_transaction_session_timeout": "0"}


@asynccontextmanager
async def postgres_source(url: str) -> AsyncIterator[Connection]:
    """A database that is copied: it can be read meanwhile, and not be changed."""
    async with _connected(url, _open_source) as connection:
        yield _sync(connection)


@asynccontextmanager
async def postgres_target(url: str) -> AsyncIterator[Connection]:
    """An empty database that is copied into, within one transaction."""
    async with _connected(url, _open_target) as connection:
        yield _sync(connection)
        # The planner would know nothing of the tables until somebody looks at them.
        await connection.execute(text(f"ANALYZE {_LISTED}"))


@asynccontextmanager
async def _connected(
    url: str, begin: Callable[[Connection, str], None]
) -> AsyncIterator[AsyncConnection]:
    source, options = data_source(url), PostgresOptions()
    place = place_of(source)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: connect(source, options, _SETTINGS, patient=True),
        poolclass=NullPool,
    )
    with translated_errors():
        async with AsyncExitStack() as stack:
            with opening(place):
                connection = await stack.enter_async_context(engine.begin())
                await connection.run_sync(begin, place)
            yield connection


def _open_source(connection: Connection, place: str) -> None:
    check_source(connection, place)
    _hold(connection, place, "SHARE")


def _open_target(connection: Connection, place: str) -> None:
    # It keeps servers that start from going on until the end of the transaction.
    prepare(connection, place)
    _hold(connection, place, "EXCLUSIVE")
    check_target(connection, place)


def _hold(connection: Connection, place: str, mode: str) -> None:
    """Lock the tables against changes, unless a server uses them."""
    if _is_served(connection):
        raise DatabaseInUse(
            f"A server uses the database {place}. Stop all its servers before it is copied."
        )
    try:
        connection.execute(text(f"LOCK TABLE {_LISTED} IN {mode} MODE NOWAIT"))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") != _LOCKED:
            raise
        raise DatabaseInUse(
            f"Another program writes to the database {place}. Stop it before it is copied."
        ) from error


def _is_served(connection: Connection) -> bool:
    # What has just stopped may still be listed for a moment.
    for _ in range(_LOOKS):
        if not connection.execute(text(_SERVERS)).scalar():
            return False
        connection.execute(text("SELECT pg_stat_clear_snapshot(), pg_sleep(0.1)"))
    return True


def _sync(connection: AsyncConnection) -> Connection:
    if connection.sync_connection is None:
        raise AssertionError("the connection has been closed")
    return connection.sync_connection
