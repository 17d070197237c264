"""``watch`` and ``history``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from branchline.client.cli.commands import Commands, add_execution_id
from branchline.client.cli.connecting import LONG_PATIENCE, connected
from branchline.client.cli.exits import raise_unless_completed
from branchline.client.cli.output import LineWriter, print_json_line
from branchline.client.cli.progress import follow, progress_view
from branchline.client.cli.sentences import event_sentence
from branchline.client.cli.texts import clock_time, local_time
from branchline.client.cli.values import natural
from branchline.client.types import Event, Progress

if TYPE_CHECKING:
    from branchline.client.execution import Execution


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    _add_flags(
        commands.add(
            "watch",
            _watch,
            "show an execution until it has closed",
            details="The exit code tells how it ended. --json gives a JSON document a line, for "
            "each event, and for each progress (type `progress`, without sequence).",
        )
    )
    _add_flags(
        commands.add(
            "history",
            _history,
            "print the events of an execution",
            details="--json gives a JSON document a line, one for each event.",
        )
    )


def _add_flags(parser: ArgumentParser) -> None:
    add_execution_id(parser)
    parser.add_argument(
        "--after",
        metavar="NUMBER",
        type=natural,
        default=0,
        help="begin behind the event with this number (default: %(default)s)",
    )


async def _watch(arguments: Namespace) -> int:
    async with connected(arguments, LONG_PATIENCE) as client:
        execution = client.execution(arguments.id)
        if arguments.json:
            await _print_items(execution, arguments.after)
        else:
            view = progress_view(sys.stdout, every_event=True)
            await follow(execution, view, arguments.after)
        info = await execution.describe()
    raise_unless_completed(info)
    return 0


async def _print_items(execution: Execution, after: int) -> None:
    async for item in execution.watch(after):
        print_json_line(item if isinstance(item, Event) else _document(item))


def _document(progress: Progress) -> dict[str, Any]:
    """Write progress in the form of an event."""
    names = ("branch", "step", "activity", "item", "attempt", "message", "data")
    data = {name: getattr(progress, name) for name in names}
    return {"time": progress.time, "type": "progress", "data": data}


async def _history(arguments: Namespace) -> int:
    writer = LineWriter(sys.stdout)
    date = ""
    async with connected(arguments) as client:
        async for event in client.execution(arguments.id).events(arguments.after):
            if arguments.json:
                print_json_line(event)
                continue
            if event.time and date != (date := local_time(event.time)[:10]):
                writer.line((date, "bold"))
            _write(writer, event)
    return 0


def _write(writer: LineWriter, event: Event) -> None:
    writer.line(
        (f"{event.sequence:>6}  ", "cyan"),
        (f"{clock_time(event.time)}  ", "dim"),
        (event_sentence(event), "red" if event.type.endswith("_failed") else ""),
    )
