"""The URLs of PostgreSQL databases, in the form of libpq."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from branchline.server.storage.errors import UnsupportedDatabase

FORM: Final = "postgresql://user:password@host:5432/database?sslmode=verify-full"

_SCHEME: Final = re.compile(r"^postgres(ql)?(\+asyncpg)?://")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^@:\[\]/]*)(:[0-9]*)?")


def data_source(url: str) -> str:
    """The URL as libpq writes it.

    Raises UnsupportedDatabase for anything else, with a message that repeats nothing of the URL:
    of one that can't be read nobody knows where its password is.
    """
    if not _SCHEME.match(url):
        raise UnsupportedDatabase(f"This is no PostgreSQL URL. Its form is {FORM}.")
    source = _SCHEME.sub("postgresql://", url)
    if not _is_readable(source):
        raise UnsupportedDatabase(
            f"The PostgreSQL URL can't be read. Its form is {FORM}; in the user, the password and"
            " the database write each of @ : / ? # [ ] % as %40 %3A %2F %3F %23 %5B %5D %25."
        )
    parts = urlsplit(source)
    # The driver would take an empty name for one.
    return f"postgresql://{parts.netloc}?{parts.query}" if parts.path == "/" else source


def place_of(source: str) -> str:
    """The database and the host of a URL, for messages."""
    parts = urlsplit(source)
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = parts.netloc.rpartition("@")[2] or given.get("host", "")
    database = parts.path.lstrip("/") or given.get("dbname") or given.get("database", "")
    name = repr(unquote(database)) if database else "of the environment"
    return f"{name} at {unquote(host)}" if host else name


def _is_readable(source: str) -> bool:
    try:
        parts = urlsplit(source)
        parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        return False
    authority, _, hosts = parts.netloc.rpartition("@")
    return (
        "@" not in authority + parts.path
        and not parts.fragment
        and all(_HOST.fullmatch(host) for host in hosts.split(","))
    )
