"""The entry point: parses, runs, and turns errors into messages and exit codes."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from branchline.client.cli.exits import CommandError, Exit
from branchline.client.cli.parser import parse
from branchline.client.cli.servers import SERVER_COMMANDS
from branchline.client.errors import (
    BranchlineError,
    DeadlineExceeded,
    InvalidDefinition,
    RpcError,
    Unavailable,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line, the process's own without ``arguments``; returns the exit code.

    Raises:
        SystemExit: the command line makes no sense (2), or only asked for help (0).

    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] and given[0] in SERVER_COMMANDS:
        # The server's commands have flags of their own, which no parser here needs to know.
        return _reporting(Namespace(handler=_server, command=given[0], arguments=given[1:]))
    return _reporting(parse(given))


def _server(arguments: Namespace) -> int:
    from branchline.client.cli.embedding import run_server

    return run_server(arguments.arguments, arguments.command)


def _reporting(arguments: Namespace) -> int:
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except CommandError as error:
        _complain(str(error))
        return error.code
    except BranchlineError as error:
        _complain(_message(error))
        unreachable = isinstance(error, Unavailable | DeadlineExceeded)
        return Exit.UNREACHABLE if unreachable else Exit.REFUSED
    except BrokenPipeError:
        _forget_stdout()
        return Exit.REFUSED
    except OSError as error:
        _complain(_os_message(error))
        return Exit.REFUSED
    except KeyboardInterrupt:
        _complain("interrupted")
        return Exit.INTERRUPTED
    return code


def _run(arguments: Namespace) -> int:
    result = arguments.handler(arguments)
    if inspect.iscoroutine(result):
        import asyncio

        result = asyncio.run(result)
    return int(result)


def _complain(message: str) -> None:
    # Where standard error is closed nobody can be told.
    with contextlib.suppress(OSError):
        sys.stderr.write(f"branchline: {message}\n")


def _message(error: BranchlineError) -> str:
    if isinstance(error, InvalidDefinition) or not isinstance(error, RpcError):
        return str(error)
    details = [
        f"  {violation.field}: {violation.message}"
        for violation in error.violations
        if violation.message not in error.message
    ]
    return "\n".join([error.message, *details])


def _os_message(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def _forget_stdout() -> None:
    """Keep the interpreter from flushing what nobody reads, as it would at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
