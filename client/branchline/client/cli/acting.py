"""``signal``, ``pause``, ``unpause``, ``cancel``, ``retry`` and ``delete``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from branchline.client.cli.commands import Commands, Handler, add_execution_id
from branchline.client.cli.connecting import connected
from branchline.client.cli.output import print_json, print_text
from branchline.client.cli.values import json_value

if TYPE_CHECKING:
    from branchline.client.execution import Execution


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    _add_signal_flags(commands.add("signal", _signal, "send a signal to an execution"))

    parser = commands.add("pause", _pause, "pause an execution, or a branch of it")
    _add_branch(parser)
    _add_reason(parser)

    _add_branch(commands.add("unpause", _unpause, "let what is paused go on"))

    parser = commands.add("cancel", _cancel, "cancel an execution")
    add_execution_id(parser)
    _add_reason(parser)

    add_execution_id(commands.add("retry", _retry, "take a failed execution up again"))
    add_execution_id(commands.add("delete", _delete, "remove a closed execution with its history"))


def _add_signal_flags(parser: ArgumentParser) -> None:
    add_execution_id(parser)
    parser.add_argument("topic", metavar="TOPIC", help="what the execution waits for")
    parser.add_argument(
        "payload",
        metavar="PAYLOAD",
        nargs="?",
        type=json_value,
        help="JSON text, or @FILE that holds it (default: null)",
    )
    parser.add_argument("--signal-id", metavar="ID", help="signals of the same id are one signal")


def _add_branch(parser: ArgumentParser) -> None:
    add_execution_id(parser)
    parser.add_argument(
        "--branch", metavar="ID", default="", help="only this branch (default: all)"
    )


def _add_reason(parser: ArgumentParser) -> None:
    parser.add_argument("--reason", metavar="TEXT", default="", help="why, for people")


def _acting(act: Callable[[Execution, Namespace], Coroutine[Any, Any, None]], done: str) -> Handler:
    """Make the command that does something to an execution, and says so."""

    async def command(arguments: Namespace) -> int:
        async with connected(arguments) as client:
            await act(client.execution(arguments.id), arguments)
        if arguments.json:
            print_json({"id": arguments.id})
        else:
            print_text(done.format_map(vars(arguments)))
        return 0

    return command


_signal = _acting(
    lambda execution, given: execution.signal(
        given.topic, given.payload, signal_id=given.signal_id
    ),
    "signal {topic} sent to {id}",
)
_pause = _acting(
    lambda execution, given: execution.pause(given.branch, reason=given.reason),
    "{id} pauses",
)
_unpause = _acting(lambda execution, given: execution.unpause(given.branch), "{id} goes on")
_cancel = _acting(lambda execution, given: execution.cancel(given.reason), "{id} cancelled")
_retry = _acting(lambda execution, _: execution.retry(), "{id} taken up again")
_delete = _acting(lambda execution, _: execution.delete(), "{id} deleted")
