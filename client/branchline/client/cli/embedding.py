"""Finds the server by its entry points: the client does not import it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from branchline.client.cli.exits import CommandError


def run_server(arguments: Sequence[str]) -> int:
    """Run the server's own command.

    Raises:
        CommandError: the server is not installed.

    """
    try:
        return int(_load("branchline.commands")(arguments))
    except ImportError as error:
        raise _not_installed(error) from error


@asynccontextmanager
async def embedded(database: str) -> AsyncIterator[str]:
    """Run a server in this process; gives its address.

    ``database`` is a file or a URL.

    Raises:
        CommandError: the server is not installed, or cannot start.

    """
    try:
        server = _load("branchline.embedded")(database_url(database))
        address = await server.__aenter__()
    except ImportError as error:
        raise _not_installed(error) from error
    except Exception as error:
        # Its types are unknown here; its messages are for people.
        raise CommandError(f"the server cannot start: {error}") from error
    try:
        yield address
    finally:
        await server.__aexit__(None, None, None)


@asynccontextmanager
async def embedded_for_now(database: str | None = None) -> AsyncIterator[str]:
    """Run a server in this process, on a file that does not outlive it unless one is given."""
    if database is not None:
        async with embedded(database) as address:
            yield address
        return
    with tempfile.TemporaryDirectory(prefix="branchline-") as folder:
        async with embedded(str(Path(folder, "branchline.db"))) as address:
            yield address


def database_url(database: str) -> str:
    """The URL of a database that is given as a file, or as a URL already."""
    return database if "://" in database else f"sqlite:///{Path(database).absolute()}"


def _load(group: str) -> Any:  # noqa: ANN401 - what an entry point names
    from importlib.metadata import entry_points

    for found in entry_points(group=group, name="server"):
        return found.load()
    raise ImportError("it has no entry point")


def _not_installed(error: ImportError) -> CommandError:
    return CommandError(f'the server is not installed ({error}): pip install "branchline[server]"')
