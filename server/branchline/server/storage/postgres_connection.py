"""How a PostgreSQL database is connected to, and what its errors mean."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Final

import asyncpg
from asyncpg.connect_utils import SessionAttribute
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from branchline.server.storage.errors import (
    CommitUnknown,
    Conflict,
    StoreError,
    StoreUnavailable,
    Taken,
)
from branchline.server.storage.postgres_options import PostgresOptions

READS: Final[Mapping[str, str]] = {"plan_cache_mode": "force_custom_plan"}
"""Settings for reads: which index is the best depends on the values that are looked for."""
BY_KEY: Final[Mapping[str, str]] = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""Settings for what finds all rows by their keys, as commits do: a plan is kept, and one that was
made while a table was small would read all of it when it is large."""

_PATIENCE: Final = 1.2
"""When PostgreSQL has not even given a statement up after this many times the time it may take,
the connection is given up."""


async def connect(
    source: str,
    options: PostgresOptions,
    settings: Mapping[str, str] | None = None,
    *,
    patient: bool = False,
) -> asyncpg.Connection:
    """Connect, by the rules of libpq: its environment variables and password file count.

    A patient connection gives no statement up.
    """
    connection = await asyncpg.connect(
        source,
        timeout=options.connect_timeout,
        command_timeout=None if patient else options.statement_timeout * _PATIENCE,
        # Of several hosts the one that can be written to; it may change while the server runs.
        target_session_attrs=SessionAttribute.read_write,
    )
    limit = "0" if patient else f"{round(options.statement_timeout * 1000)}"
    wanted = {
        "application_name": "branchline",
        "jit": "off",  # No statement takes long enough for it.
        "statement_timeout": limit,
        # What a server that has vanished from the network had locked is let go in the end.
        "idle_in_transaction_session_timeout": limit,
        "tcp_keepalives_idle": "30",
        **(settings or {}),
    }
    calls = ", ".join(f"set_config(${n}, ${n + 1}, false)" for n in range(1, 2 * len(wanted), 2))
    try:
        # As parameters of the connection itself a pooler might refuse them.
        await connection.execute(
            f"SELECT {calls}", *(text for pair in wanted.items() for text in pair)
        )
    except BaseException:
        connection.terminate()
        raise
    return connection


# Classes of SQLSTATE that can pass, or be put right while the server runs: connections, read-only,
# authorization, catalog, rights, resources, locks, intervention, system errors.
_UNAVAILABLE: Final = (
    "08", "25006", "25P03", "28", "3D", "42501", "53", "55", "57", "58", "XX",
)  # fmt: skip
# Those that tell that the connection is gone.
_LOST: Final = ("08", "25P03", "57P")
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
    except PoolTimeoutError as error:
        raise StoreUnavailable("The database is not available: no connection was free.") from error
    except (DBAPIError, *DRIVER_ERRORS) as error:
        cause = _cause(error)
        translated = _translated(cause)
        if translated is None:
            raise
        raise translated from cause


@contextlib.contextmanager
def committing() -> Iterator[None]:
    """Turn errors of a commit into CommitUnknown, unless PostgreSQL itself has said no."""
    try:
        yield
    except (DBAPIError, *DRIVER_ERRORS) as error:
        cause = _cause(error)
        # A mistake in an argument is found before anything is sent.
        if _is_refusal(cause) or isinstance(cause, asyncpg.DataError):
            raise
        raise _unknown(cause) from cause


@contextlib.contextmanager
def doubtful() -> Iterator[None]:
    """Turn all errors into CommitUnknown: what fails now may have been stored before."""
    try:
        yield
    except CommitUnknown:
        raise
    except Exception as error:
        raise _unknown(error) from error


def _unknown(error: BaseException) -> CommitUnknown:
    return CommitUnknown(
        f"The database has not answered to a commit, which may have been stored: {reason(error)}."
    )


DRIVER_ERRORS: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What asyncpg raises, from the network's errors to its own."""


def is_lost(error: BaseException) -> bool:
    """Whether an error tells that the connection it was made on is gone."""
    cause = _cause(error)
    if isinstance(cause, asyncpg.PostgresError):
        return (cause.sqlstate or "").startswith(_LOST)
    # While a connection closes, its client may lose track of what it was doing.
    return isinstance(
        cause, ConnectionError | asyncpg.InternalClientError
    ) or _is_closed_connection(cause)


def reason(error: BaseException) -> str:
    """What an error says, to be put into a sentence."""
    said = str(error).strip().partition("\n")[0]  # details and hints follow
    return said.rstrip(".") or type(error).__name__


def _cause(error: BaseException) -> BaseException:
    """The driver's own error under one of SQLAlchemy's."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


def _is_refusal(error: BaseException) -> bool:
    """Whether PostgreSQL has rolled back and goes on."""
    return (
        isinstance(error, asyncpg.PostgresError)
        and (error.severity_en or error.severity) == "ERROR"
        and not (error.sqlstate or "").startswith((*_LOST, "40003"))
    )


def _is_closed_connection(error: BaseException) -> bool:
    # Those that are ValueErrors too are mistakes in an argument.
    return isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError)


def _translated(error: BaseException) -> StoreError | None:
    if isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith("40"):
        return Conflict(Taken.ROW)
    if isinstance(error, asyncpg.UniqueViolationError):
        taken = _TAKEN.get(error.constraint_name or "")
        return None if taken is None else Conflict(taken)
    passing = (
        isinstance(error, OSError | asyncpg.InternalClientError)
        or _is_closed_connection(error)
        or (
            isinstance(error, asyncpg.PostgresError)
            and (error.sqlstate or "").startswith(_UNAVAILABLE)
        )
    )
    return StoreUnavailable(f"The database is not available: {reason(error)}.") if passing else None
