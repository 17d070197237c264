"""How commands end."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from branchline.client.types import ExecutionInfo, ExecutionStatus


class Exit(IntEnum):
    """The exit codes."""

    OK = 0
    REFUSED = 1
    """A call was refused or failed, or a definition has problems."""
    USAGE = 2
    """The command line makes no sense."""
    FAILED = 3
    """The awaited execution failed."""
    CANCELED = 4
    """The awaited execution was cancelled."""
    UNREACHABLE = 5
    """No server answers."""
    INTERRUPTED = 130
    """Somebody pressed Ctrl-C."""


EXIT_CODES: Final = """\
exit codes:
  0    success
  1    a call was refused or failed, or a definition has problems
  2    the command line makes no sense
  3    the awaited execution failed
  4    the awaited execution was cancelled
  5    no server answers
  130  interrupted
"""
"""What the exit codes mean, for ``--help``."""


class CommandError(Exception):
    """A command cannot do what it was asked; the message is for people."""

    def __init__(self, message: str, code: Exit = Exit.REFUSED) -> None:
        super().__init__(message)
        self.code = code


def raise_unless_completed(info: ExecutionInfo) -> None:
    """Let a command end as the execution did that it waited for.

    Raises:
        CommandError: the execution failed or was cancelled.

    """
    if info.status is ExecutionStatus.CANCELED:
        raise CommandError(f"execution {info.id} was cancelled", Exit.CANCELED)
    if info.status is not ExecutionStatus.COMPLETED:
        why = f" ({info.error.type}): {info.error.message}" if info.error else ""
        raise CommandError(f"execution {info.id} failed{why}", Exit.FAILED)
