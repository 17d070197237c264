"""The server on the command line, and inside another process.

The command line is the client's; it finds these by their entry points, so that neither imports
the other.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any

from branchline.server.settings import (
    HELP,
    InvalidSetting,
    Settings,
    embedded_settings,
    from_environ,
)

_FAILED = 1
_FLAGS = {"database_url": "database"}


def server(arguments: Sequence[str]) -> int:
    """Run a server until SIGTERM or SIGINT. Returns the exit code."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    try:
        settings = from_environ(os.environ, **given)
    except InvalidSetting as error:
        parser.error(str(error))
    return _run(_serve(settings))


@asynccontextmanager
async def embedded(database_url: str, **given: object) -> AsyncIterator[str]:
    """A server in this process on a free port of this machine; gives its address.

    Raises ``InvalidSetting`` for what is given besides the database.
    """
    from branchline.server.app import App
    from branchline.server.logs import configure_logs

    settings = embedded_settings(database_url, given)
    configure_logs(settings.log_format, settings.log_level)
    async with App(settings) as app:
        yield f"127.0.0.1:{app.port}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="branchline server",
        description="Run a server. Every flag may also be set in the environment, as "
        "BRANCHLINE_ and its name in capitals; a flag wins.",
    )
    defaults = Settings()
    for field in fields(Settings):
        flag = "--" + _FLAGS.get(field.name, field.name.replace("_", "-"))
        default = getattr(defaults, field.name)
        parser.add_argument(
            flag,
            dest=field.name,
            type=type(default),
            metavar=type(default).__name__.upper(),
            help=f"{HELP[field.name]} (default: {default})",
        )
    return parser


_THRESHOLDS = (50_000, 20, 50)
"""How many new objects, and how many rounds, the garbage collector waits for."""


def _calm_collector() -> None:
    """Have the garbage collector look less often, and never at what was there at the start.

    Hardly anything here is a cycle. By default a seventh of a busy server's time goes into
    looking for some.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


def _run(main: Coroutine[None, None, int]) -> int:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


async def _serve(settings: Settings) -> int:
    from branchline.server.app import App
    from branchline.server.logs import configure_logs
    from branchline.server.rpc.server import CannotListen
    from branchline.server.storage import CannotOpen, StoreError

    configure_logs(settings.log_format, settings.log_level)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with App(settings) as app:
            _calm_collector()
            stopped = asyncio.create_task(stop.wait())
            ends: list[asyncio.Future[Any]] = [stopped, app.failed]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            return _FAILED if app.failed.done() else 0
    except (CannotOpen, CannotListen, StoreError) as error:
        sys.stderr.write(f"branchline server: {error}\n")
        return _FAILED
