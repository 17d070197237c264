"""Finds the server by its entry points: the client does not import it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from branchline.client.durations import in_seconds
from branchline.client.errors import ServerCannotStart, ServerNotInstalled

_SERVER: Final = "branchline.server"
_REMEDY: Final = 'pip install "branchline[server]"'


def run_server(arguments: Sequence[str], command: str = "server") -> int:
    """Run a command of the server's package.

    Raises:
        ServerNotInstalled: it is not there, or a package that it needs is not.

    """
    try:
        return int(_load("branchline.commands", command)(arguments))
    except ModuleNotFoundError as error:
        raise_if_not_installed(error)
        raise


@asynccontextmanager
async def embedded(database: str, settings: Mapping[str, Any] | None = None) -> AsyncIterator[str]:
    """Run a server in this process, on a free port of this machine; gives its address.

    ``database`` is a file or a URL; ``settings`` are those of the server by their names, and
    lengths of time in them may be ``timedelta``.

    Raises:
        ServerNotInstalled: it is not there, or a package that it needs is not.
        ServerCannotStart: the database cannot be used, or a setting.

    """
    server = await _started(database_url(database), settings or {})
    try:
        yield server[1]
    finally:
        await server[0].__aexit__(None, None, None)


async def _started(url: str, settings: Mapping[str, Any]) -> tuple[Any, str]:
    given = {name: in_seconds(value) for name, value in settings.items()}
    try:
        server = _load("branchline.embedded")(url, **given)
        return server, await server.__aenter__()
    except ImportError as error:
        raise_if_not_installed(error)
        raise
    except Exception as error:
        # Its types are unknown here; its messages are for people.
        raise ServerCannotStart(f"the server cannot start: {error}") from error


@asynccontextmanager
async def embedded_for_now(
    database: str | os.PathLike[str] | None = None, settings: Mapping[str, Any] | None = None
) -> AsyncIterator[str]:
    """Run a server in this process, on a file that does not outlive it unless one is given."""
    if database is not None:
        async with embedded(os.fspath(database), settings) as address:
            yield address
        return
    with tempfile.TemporaryDirectory(prefix="branchline-") as folder:
        async with embedded(str(Path(folder, "branchline.db")), settings) as address:
            yield address


def database_url(database: str) -> str:
    """The URL of a database that is given as a file, or as a URL already."""
    return database if "://" in database else f"sqlite:///{Path(database).absolute()}"


def _load(group: str, name: str = "server") -> Any:  # noqa: ANN401 - what an entry point names
    from importlib.metadata import entry_points  # noqa: PLC0415 - takes long to import

    for found in entry_points(group=group, name=name):
        return found.load()
    raise ServerNotInstalled(f"the server is not installed: {_REMEDY}")


def raise_if_not_installed(error: ImportError) -> None:
    """Tell what is missing and the remedy; what fails inside of the server is something else.

    Raises:
        ServerNotInstalled: the server is missing, or a package that comes with it.

    """
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing == _SERVER:
        raise ServerNotInstalled(f"the server is not installed: {_REMEDY}") from error
    package = (missing or "branchline").partition(".")[0]
    if package != "branchline":
        message = f"the server needs {package}, which is not installed: {_REMEDY}"
        raise ServerNotInstalled(message) from error
