"""Commands that look after a database: backing it up, and copying it into another."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from branchline.server.settings import Settings
from branchline.server.storage import CopyStep, StoreError, back_up, copy_database

_FAILED: Final = 1
_MIB: Final = 1024 * 1024


def backup(arguments: Sequence[str]) -> int:
    """Copy the SQLite file of a server, which may run. Returns the exit code."""
    given = _backup_parser().parse_args(arguments)
    meter = _Meter()
    try:
        made = back_up(
            given.database, given.to, lambda done, total: meter.show("copied", done, total, "pages")
        )
    except StoreError as error:
        return meter.fail("backup", error)
    meter.end(f"{made.path}: {made.size / _MIB:,.1f} MiB, checked")
    return 0


def copy(arguments: Sequence[str]) -> int:
    """Copy a database into an empty one. Returns the exit code."""
    given = _copy_parser().parse_args(arguments)
    meter = _Meter()

    def show(step: CopyStep) -> None:
        verb = "checked" if step.checking else "copied"
        meter.show(f"{step.table}: {verb}", step.done, step.total, "rows")

    try:
        copied = asyncio.run(copy_database(given.source, given.target, show))
    except StoreError as error:
        return meter.fail("copy", error)
    rows = ", ".join(f"{name} {number:,}" for name, number in copied.rows.items())
    meter.end(f"copied and compared, in rows: {rows}")
    return 0


def _backup_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="branchline backup",
        description="Copy the SQLite file of a server, which may go on working, as of one moment,"
        " and check the copy.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--database",
        metavar="URL",
        default=os.environ.get("BRANCHLINE_DATABASE_URL", Settings().database_url),
        help="the database, as the server is told it (default: $BRANCHLINE_DATABASE_URL or"
        f" {Settings().database_url})",
    )
    parser.add_argument(
        "--to", metavar="FILE", type=Path, required=True, help="the new file; it must not be there"
    )
    return parser


def _copy_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="branchline copy",
        description="Copy everything into an empty database, of the same or the other kind, while"
        " no server uses either, and compare the two.",
        allow_abbrev=False,
    )
    forms = "sqlite:///FILE or postgresql://user:password@host/database"
    parser.add_argument(
        "--from", dest="source", metavar="URL", required=True, help=f"what to copy: {forms}"
    )
    parser.add_argument(
        "--to", dest="target", metavar="URL", required=True, help="where to: another such URL"
    )
    return parser


class _Meter:
    """Tells on standard error how far a command is: now and then, on a terminal in one line."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._pause = 0.2 if self._terminal else 5.0
        self._last = time.monotonic()
        self._width = 0

    def show(self, what: str, done: int, total: int, unit: str) -> None:
        """Tell how far it is, unless that was just told."""
        if time.monotonic() - self._last < self._pause:
            return
        self._last = time.monotonic()
        text = f"{what} {done:,} of {total:,} {unit}"
        if self._terminal:
            sys.stderr.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def end(self, text: str) -> None:
        """Tell what came of it."""
        self._clear()
        sys.stderr.write(text + "\n")

    def fail(self, command: str, error: StoreError) -> int:
        """Tell what was in the way; gives the exit code."""
        self.end(f"branchline {command}: {error}")
        return _FAILED

    def _clear(self) -> None:
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
