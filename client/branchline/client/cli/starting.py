"""``start``, and how a command shows an execution that it started until the end."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from branchline.client.cli.commands import Commands
from branchline.client.cli.connecting import LONG_PATIENCE, PATIENCE, connected
from branchline.client.cli.exits import raise_unless_completed
from branchline.client.cli.output import print_json, print_text
from branchline.client.cli.progress import follow, progress_view
from branchline.client.cli.values import add_inputs, add_labels, inputs_of, positive, seconds
from branchline.client.types import ExecutionInfo

if TYPE_CHECKING:
    from branchline.client.execution import Execution


def add_commands(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "start",
        _start,
        "start an execution and print its id",
        details="With --wait: show it on standard error until it has closed, and print its "
        "outputs as JSON.",
    )
    parser.add_argument("workflow", metavar="WORKFLOW", help="the workflow's name")
    add_inputs(parser)
    parser.add_argument("--id", metavar="ID", help="the id to give the execution")
    parser.add_argument(
        "--request-id", metavar="ID", help="starts with the same request id are one start"
    )
    parser.add_argument(
        "--version", metavar="NUMBER", type=positive, help="default: the latest version"
    )
    add_labels(parser, "a label to find the execution by")
    parser.add_argument(
        "--timeout",
        metavar="TIME",
        type=seconds,
        help="how long the execution may live, such as 90s or 1h30m (default: the workflow's)",
    )
    parser.add_argument("--wait", action="store_true", help="wait until it has closed")


async def _start(arguments: Namespace) -> int:
    async with connected(arguments, LONG_PATIENCE if arguments.wait else PATIENCE) as client:
        execution = await client.start(
            arguments.workflow,
            inputs_of(arguments),
            id=arguments.id,
            request_id=arguments.request_id,
            version=arguments.version,
            labels=dict(arguments.labels),
            timeout=arguments.timeout,
        )
        if arguments.wait:
            sys.stderr.write(f"branchline: execution {execution.id}\n")
            print_end(await followed(execution), whole=arguments.json)
        elif arguments.json:
            version = execution.version
            print_json({"id": execution.id, "workflow": arguments.workflow, "version": version})
        else:
            print_text(execution.id)
    return 0


async def followed(execution: Execution) -> ExecutionInfo:
    """Show an execution on standard error until it has closed, and tell how it ended."""
    await follow(execution, progress_view(sys.stderr))
    return await execution.describe()


def print_end(info: ExecutionInfo, *, whole: bool) -> None:
    """Print the outputs of a closed execution, or the whole of it, as JSON.

    Raises:
        CommandError: it did not complete.

    """
    if whole:
        print_json(info)
        raise_unless_completed(info)
    else:
        raise_unless_completed(info)
        print_json(info.outputs or {})
