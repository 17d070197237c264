"""``watch`` and ``history``."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from branchline.client.cli.commands import Commands, add_execution_id
from branchline.client.cli.connecting import LONG_PATIENCE, connected
from branchline.client.cli.exits import CommandError, Exit, raise_unless_completed
from branchline.client.cli.filters import add_filter, filter_of
from branchline.client.cli.output import LineWriter, print_json_line
from branchline.client.cli.progress import follow, progress_view
from branchline.client.cli.statuses import watch_statuses
from branchline.client.cli.storyteller import Storyteller
from branchline.client.cli.texts import clock_time, local_time
from branchline.client.cli.values import natural
from branchline.client.types import Event, Progress

if TYPE_CHECKING:
    from branchline.client.execution import Execution


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    watch = commands.add(
        "watch",
        _watch,
        "show an execution until it has closed, or how all stand and change",
        details="With ID the exit code tells how it ended, and --json gives a JSON document a "
        "line, for each event, and for each progress (type `progress`, without sequence). Without "
        "ID it tells how the executions that pass the filter stand, and every change, until it is "
        "interrupted; --json gives a JSON document a line for each.",
    )
    watch.add_argument("id", metavar="ID", nargs="?", help="the execution's id")
    add_filter(watch)
    _add_after(watch, "begin behind the event with this number; without ID behind this position")
    history = commands.add(
        "history",
        _history,
        "print the events of an execution",
        details="--json gives a JSON document a line, one for each event.",
    )
    add_execution_id(history)
    _add_after(history, "begin behind the event with this number")


def _add_after(parser: ArgumentParser, text: str) -> None:
    parser.add_argument(
        "--after",
        metavar="NUMBER",
        type=natural,
        default=0,
        help=f"{text} (default: %(default)s)",
    )


async def _watch(arguments: Namespace) -> int:
    if arguments.id is None:
        return await watch_statuses(arguments)
    if any(filter_of(arguments).values()):
        message = "watch takes an ID, or flags that say which executions, not both"
        raise CommandError(message, Exit.USAGE)
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
    storyteller = Storyteller()
    date = ""
    async with connected(arguments) as client:
        async for event in client.execution(arguments.id).events(arguments.after):
            if arguments.json:
                print_json_line(event)
                continue
            if event.time and date != (date := local_time(event.time)[:10]):
                writer.line((date, "bold"))
            _write(writer, event, storyteller.tell(event))
    return 0


def _write(writer: LineWriter, event: Event, sentence: str) -> None:
    writer.line(
        (f"{event.sequence:>6}  ", "cyan"),
        (f"{clock_time(event.time)}  ", "dim"),
        (sentence, "red" if event.type.endswith("_failed") else ""),
    )
