"""``list``, ``count`` and ``show``."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime

from branchline.client.cli.commands import Commands, add_execution_id
from branchline.client.cli.connecting import connected
from branchline.client.cli.filters import add_filter, filter_of
from branchline.client.cli.output import as_document, print_json, print_table
from branchline.client.cli.showing import print_execution
from branchline.client.cli.texts import duration, local_time
from branchline.client.cli.values import positive
from branchline.client.types import ExecutionInfo

_LISTED = (
    "id",
    "workflow",
    "version",
    "status",
    "start_time",
    "close_time",
    "outputs",
    "error",
    "labels",
    "parent",
)
_LARGEST_PAGE = 1000


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add("list", _list, "list executions, newest first")
    add_filter(parser)
    parser.add_argument(
        "--limit",
        metavar="NUMBER",
        type=positive,
        default=50,
        help="at most so many (default: %(default)s)",
    )

    add_filter(commands.add("count", _count, "count executions by status"))

    add_execution_id(commands.add("show", _show, "tell how an execution stands"))


async def _list(arguments: Namespace) -> int:
    found: list[ExecutionInfo] = []
    async with connected(arguments) as client:
        executions = client.list_executions(
            **filter_of(arguments), page_size=min(arguments.limit, _LARGEST_PAGE)
        )
        async for info in executions:
            found.append(info)
            if len(found) == arguments.limit:
                break
    if arguments.json:
        print_json([as_document(info, *_LISTED) for info in found])
    else:
        print_table(("ID", "WORKFLOW", "VERSION", "STATUS", "STARTED", "TOOK"), map(_row, found))
    return 0


def _row(info: ExecutionInfo) -> tuple[str, ...]:
    end = info.close_time or datetime.now(UTC)
    took = duration(end - info.start_time) if info.start_time else ""
    started = local_time(info.start_time)
    return info.id, info.workflow, str(info.version), info.status.value, started, took


async def _count(arguments: Namespace) -> int:
    async with connected(arguments) as client:
        count = await client.count_executions(**filter_of(arguments))
    if arguments.json:
        print_json(count)
    else:
        rows = [(status.value, str(number)) for status, number in count.by_status.items()]
        print_table(("STATUS", "COUNT"), [*rows, ("all", str(count.total))])
    return 0


async def _show(arguments: Namespace) -> int:
    async with connected(arguments) as client:
        info = await client.execution(arguments.id).describe()
    if arguments.json:
        print_json(info)
    else:
        print_execution(info)
    return 0
