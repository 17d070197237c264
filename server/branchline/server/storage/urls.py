"""What kind of database a URL names."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from branchline.server.storage.errors import UnsupportedDatabase


def is_postgres(url: str) -> bool:
    """Whether a URL is one of PostgreSQL."""
    return url.partition(":")[0].partition("+")[0] in {"postgresql", "postgres"}


def sqlite_url(url: str) -> URL:
    """The parts of a SQLite URL. Raises UnsupportedDatabase for any other."""
    forms = (
        "sqlite:///relative.db, sqlite:////absolute/path.db or"
        " postgresql://user:password@host/database"
    )
    try:
        parsed = make_url(url)
    except ArgumentError:
        # There may be a password in it.
        raise UnsupportedDatabase(f"This is no database URL. Its form is {forms}.") from None
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise UnsupportedDatabase(
            f"Databases of the kind {parsed.drivername!r} are not supported. Use {forms}."
        )
    return parsed
