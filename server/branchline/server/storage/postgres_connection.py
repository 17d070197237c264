"""How a PostgreSQL database is connected to, and what its errors mean."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import asyncpg
from sqlalchemy.exc import DBAPIError

from branchline.server.storage.errors import (
    CannotOpen,
    Conflict,
    StoreError,
    StoreUnavailable,
    Taken,
    UnsupportedDatabase,
)
from branchline.server.storage.postgres_options import PostgresOptions

FORM: Final = "postgresql://user:password@host:5432/database?sslmode=verify-full"

_SCHEME: Final = re.compile(r"^postgres(ql)?(\+asyncpg)?://")


def data_source(url: str) -> str:
    """The URL as libpq writes it. Raises UnsupportedDatabase for anything else."""
    if not _SCHEME.match(url):
        raise UnsupportedDatabase(f"This is no PostgreSQL URL. Its form is {FORM}.")
    return _SCHEME.sub("postgresql://", url)


def place_of(source: str) -> str:
    """The host and the database of a URL, for messages."""
    parts = urlsplit(source)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.path.lstrip('/') or '(default)'} at {host or '(default)'}"


async def connect(source: str, options: PostgresOptions) -> asyncpg.Connection:
    """Connect, by the rules of libpq: its environment variables and password file count."""
    return await asyncpg.connect(
        source,
        timeout=options.connect_timeout,
        command_timeout=options.statement_timeout,
        server_settings={"application_name": "branchline"},
    )


# Classes of SQLSTATE that can pass, or be put right while the server runs: connections, read-only,
# authorization, catalog, serialization, resources, locks, intervention, system errors.
_UNAVAILABLE: Final = ("08", "25006", "28", "3D", "53", "55", "57", "58", "XX")
_TAKEN: Final = {
    "pk_executions": Taken.KEY,
    "uq_executions_id": Taken.ID,
    "uq_executions_request": Taken.REQUEST,
    "pk_history": Taken.HISTORY,
    "pk_tasks": Taken.TASK,
    "pk_workflows": Taken.WORKFLOW,
}


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Turn PostgreSQL's errors into the storage's; mistakes of the program stay what they are."""
    try:
        yield
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig is not None else None
        translated = _translated(cause)
        if translated is None:
            raise
        raise translated from cause
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        translated = _translated(error)
        if translated is None:
            raise
        raise translated from error


def _translated(error: BaseException | None) -> StoreError | None:
    if isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith("40"):
        return Conflict(Taken.ROW)
    if isinstance(error, asyncpg.UniqueViolationError):
        taken = _TAKEN.get(error.constraint_name or "")
        return None if taken is None else Conflict(taken)
    passing = isinstance(error, OSError | asyncpg.InterfaceError) or (
        isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith(_UNAVAILABLE)
    )
    if passing:
        return StoreUnavailable(f"The database is not available: {_reason(error)}.")
    return None


def _reason(error: BaseException) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__


@contextlib.contextmanager
def opening(place: str) -> Iterator[None]:
    """Turn errors into CannotOpen that name the database and the remedy."""
    try:
        yield
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        message = f"The database {place} can't be opened: {_reason(error)}. {_remedy(error)}"
        raise CannotOpen(message.strip()) from error


_REMEDIES: Final = {
    "3D": "Make it first, with createdb.",
    "28": "Check the user, the password (also PGPASSWORD and .pgpass), sslmode and pg_hba.conf.",
    "42501": "Give the user the right to create tables in it.",
    "53300": "Raise max_connections of PostgreSQL.",
    "25006": "It is a read-only replica: name the primary.",
    "57P03": "Wait until PostgreSQL has started.",
}


def _remedy(error: Exception) -> str:
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return next((text for start, text in _REMEDIES.items() if state.startswith(start)), "")
    if isinstance(error, OSError):
        return "Check that PostgreSQL runs, and the host, the port and the firewall."
    return f"The URL's form is {FORM}."
