"""``steps``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime

from branchline.client.cli.commands import Commands, add_execution_id
from branchline.client.cli.connecting import connected
from branchline.client.cli.output import print_json_line, print_table
from branchline.client.cli.texts import duration, local_time
from branchline.client.cli.values import natural
from branchline.client.types import StepVisit

_HEADERS = ("BRANCH", "STEP", "STATUS", "ACTIVITY", "ATTEMPT", "STARTED", "TOOK", "NOTES")


def add_commands(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add(
        "steps",
        _steps,
        "tell how the steps of an execution went",
        details="A line for each time that a branch was in a step, in the order in which they "
        "began. --json gives a JSON document a line.",
    )
    add_execution_id(parser)
    parser.add_argument(
        "--after",
        metavar="NUMBER",
        type=natural,
        default=0,
        help="only those that began behind the event with this number (default: %(default)s)",
    )


async def _steps(arguments: Namespace) -> int:
    found: list[StepVisit] = []
    async with connected(arguments) as client:
        async for visit in client.execution(arguments.id).step_visits(arguments.after):
            if arguments.json:
                print_json_line(visit)
            else:
                found.append(visit)
    if not arguments.json:
        print_table(_HEADERS, map(_row, found))
    return 0


def _row(visit: StepVisit) -> tuple[str, ...]:
    end = visit.end_time or datetime.now(UTC)
    return (
        visit.branch,
        visit.step,
        visit.status.value,
        visit.activity,
        str(visit.attempt) if visit.attempt else "",
        local_time(visit.start_time),
        duration(end - visit.start_time) if visit.start_time else "",
        "; ".join(_notes(visit)),
    )


def _notes(visit: StepVisit) -> Iterator[str]:
    if visit.items:
        yield f"{visit.items_done} of {visit.items} items"
    if visit.progress and visit.progress.message:
        yield visit.progress.message
    if visit.error:
        yield f"{visit.error.type}: {visit.error.message}"
    yield from visit.children
