"""The client of a command."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from branchline.client.cli.exits import CommandError, Exit
from branchline.client.errors import DeadlineExceeded, Unavailable

if TYPE_CHECKING:
    from branchline.client.client import Client

PATIENCE: Final = 5.0
"""Seconds that a call may take, with its repetitions: somebody waits for the prompt."""
LONG_PATIENCE: Final = 60.0
"""Seconds that a server may be away while somebody watches an execution."""


@asynccontextmanager
async def connected(arguments: Namespace, patience: float = PATIENCE) -> AsyncIterator[Client]:
    """Give a client of the server that the command line names.

    Raises:
        CommandError: no server answers there.

    """
    from branchline.client.client import Client

    async with Client(arguments.address, timeout=patience) as client:
        try:
            yield client
        except (Unavailable, DeadlineExceeded) as error:
            if error.reason:  # the server itself says why
                raise
            raise unreachable(client.address, error.message) from error


def unreachable(address: str, why: str) -> CommandError:
    """Say that no server answers, and what to do about it."""
    return CommandError(
        f"no server answers at {address}: start one with `branchline dev`, "
        f"or name another with --address\n  ({why})",
        Exit.UNREACHABLE,
    )
