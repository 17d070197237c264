"""What keeps a PostgreSQL database from being opened, and the remedy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import asyncpg
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError

from branchline.server.storage import upgrade
from branchline.server.storage.errors import CannotOpen
from branchline.server.storage.postgres_connection import DRIVER_ERRORS, reason
from branchline.server.storage.postgres_url import FORM
from branchline.server.storage.schema import metadata

_UPGRADES: Final = 6_627_502
"""The advisory lock under which the schema is upgraded: several servers may start at once."""


def prepare(connection: Connection, place: str) -> str:
    """Check the database and bring it to the present schema; gives its id.

    Raises CannotOpen and its subclasses, and errors for ``opening``.
    """
    encoding = connection.execute(text("SHOW server_encoding")).scalar()
    if encoding != "UTF8":
        raise CannotOpen(
            f"The database {place} is encoded in {encoding}, which can't hold all text. Make one"
            " with createdb --encoding=UTF8 --template=template0."
        )
    _check_temporary(connection, place)
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADES})
    current = upgrade.revision(connection, place) == upgrade.REVISIONS[-1]
    if not current:
        return upgrade.upgrade(connection)
    _check_rights(connection, place)
    return upgrade.database_id(connection)


def _check_temporary(connection: Connection, place: str) -> None:
    """Commits are calls of a temporary function."""
    right = text("SELECT has_database_privilege(current_database(), 'TEMPORARY')")
    if not connection.execute(right).scalar():
        user, name = connection.execute(text("SELECT current_user, current_database()")).one()
        raise CannotOpen(
            f"The user {user} may not make temporary objects in the database {place}. Say GRANT"
            f" TEMPORARY ON DATABASE {name} TO {user}."
        )


def _check_rights(connection: Connection, place: str) -> None:
    for name in metadata.tables:
        allowed = text(
            "SELECT bool_and(has_table_privilege(:name, right_))"
            " FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS right_"
        )
        if not connection.execute(allowed, {"name": name}).scalar():
            user = connection.execute(select(text("current_user"))).scalar()
            raise CannotOpen(
                f"The user {user} may not read and write the table {name} of the database {place}."
                f" Say GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES to {user}, or name the"
                " owner."
            )


@contextlib.contextmanager
def opening(place: str) -> Iterator[None]:
    """Turn errors into CannotOpen that name the database and the remedy."""
    try:
        yield
    except (DBAPIError, *DRIVER_ERRORS, ValueError) as error:
        cause: BaseException = error
        if isinstance(error, DBAPIError) and error.orig is not None:
            cause = error.orig.__cause__ or error.orig
        message = f"The database {place} can't be opened: {reason(cause)}. {_remedy(cause)}"
        raise CannotOpen(message.strip()) from cause


_READ_ONLY: Final = (
    "It can't be written to: it is a replica, or default_transaction_read_only is on. Name the"
    " primary."
)
_REMEDIES: Final = {
    "3D": "Make it first, with createdb.",
    "28": "Check the user, the password (also PGPASSWORD and .pgpass), sslmode and pg_hba.conf.",
    "42501": "Give the user the right to create tables in it: GRANT CREATE ON SCHEMA public.",
    "3F": "Give the user the right to create tables in it: GRANT CREATE ON SCHEMA public.",
    "53300": "Raise max_connections of PostgreSQL.",
    "25006": _READ_ONLY,
    "57P03": "Wait until PostgreSQL has started.",
}
_UNREACHABLE: Final = "Check that PostgreSQL runs, and the host, the port and the firewall."


def _remedy(error: BaseException) -> str:
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return _READ_ONLY
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return next((text for start, text in _REMEDIES.items() if state.startswith(start)), "")
    if isinstance(error, ConnectionError) and "SSL upgrade" in str(error):
        return "PostgreSQL has no SSL: set it up there, or name sslmode=disable."
    if isinstance(error, OSError):
        return _UNREACHABLE
    return f"The URL's form is {FORM}."
