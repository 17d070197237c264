"""The grammar of the command line."""

from __future__ import annotations

import argparse
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from branchline.client.cli.acting import add_commands as add_acting
from branchline.client.cli.commands import Commands, add_address, add_json
from branchline.client.cli.executions import add_commands as add_executions
from branchline.client.cli.exits import EXIT_CODES
from branchline.client.cli.histories import add_commands as add_histories
from branchline.client.cli.runs import add_commands as add_runs
from branchline.client.cli.servers import add_commands as add_servers
from branchline.client.cli.starting import add_commands as add_starting
from branchline.client.cli.steps import add_commands as add_steps
from branchline.client.cli.workers import add_commands as add_workers
from branchline.client.cli.workflows import add_commands as add_workflows

_GROUPS = (
    add_servers,
    add_workers,
    add_runs,
    add_workflows,
    add_starting,
    add_executions,
    add_steps,
    add_histories,
    add_acting,
)


def parse(arguments: Sequence[str]) -> Namespace:
    """Parse a command line.

    Raises:
        SystemExit: it makes no sense, or only asks for help.

    """
    parser = _parser()
    parsed = parser.parse_args(arguments)
    for flag in parsed.lacks:
        if getattr(parsed, flag):
            parser.error(f"{parsed.command} takes no --{flag}")
    return parsed


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="branchline",
        description="Durable workflows: serve them, work for them, start and watch them.",
        epilog=f"{EXIT_CODES}\n`branchline COMMAND --help` tells more about a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version)
    add_address(parser, None)
    add_json(parser, default=False)
    subparsers = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, title="commands"
    )
    commands = Commands(subparsers)
    for add_commands in _GROUPS:
        add_commands(commands)
    return parser


class _Version(argparse.Action):
    """Looks the version up when it is asked for: that takes a while."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_: Any) -> None:  # noqa: ANN401
        super().__init__(option_strings, dest, nargs=0, help="print the version and exit")

    def __call__(self, parser: ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"branchline {version('branchline')}\n")
        parser.exit()
