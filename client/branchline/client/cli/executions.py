"""``list``, ``show``, ``signal``, ``cancel`` and ``delete``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime

from branchline.client.cli.commands import Commands, add_execution_id
from branchline.client.cli.connecting import connected
from branchline.client.cli.output import as_document, print_json, print_table, print_text
from branchline.client.cli.showing import print_execution
from branchline.client.cli.texts import duration, local_time
from branchline.client.cli.values import json_value, positive
from branchline.client.types import ExecutionInfo, ExecutionStatus

_STATUSES = [status.value for status in ExecutionStatus if status is not ExecutionStatus.UNKNOWN]
_LISTED = ("id", "workflow", "version", "status", "start_time", "close_time", "outputs", "error")
_LARGEST_PAGE = 1000


def add_commands(commands: Commands) -> None:
    """Add the commands."""
    _add_list_flags(commands.add("list", _list, "list executions, newest first"))

    add_execution_id(commands.add("show", _show, "tell how an execution stands"))

    _add_signal_flags(commands.add("signal", _signal, "send a signal to an execution"))

    parser = commands.add("cancel", _cancel, "cancel an execution")
    add_execution_id(parser)
    parser.add_argument("--reason", metavar="TEXT", default="", help="why, for people")

    parser = commands.add("delete", _delete, "remove a closed execution with its history")
    add_execution_id(parser)


def _add_list_flags(parser: ArgumentParser) -> None:
    parser.add_argument("--workflow", metavar="NAME", help="only of this workflow")
    parser.add_argument(
        "--status",
        nargs="+",
        action="extend",
        default=[],
        type=str.upper,
        choices=_STATUSES,
        metavar="STATUS",
        help=f"only in one of these: {', '.join(_STATUSES).lower()}",
    )
    parser.add_argument(
        "--limit",
        metavar="NUMBER",
        type=positive,
        default=50,
        help="at most so many (default: %(default)s)",
    )


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


async def _list(arguments: Namespace) -> int:
    found: list[ExecutionInfo] = []
    async with connected(arguments) as client:
        executions = client.list_executions(
            arguments.workflow,
            [ExecutionStatus(status) for status in arguments.status],
            page_size=min(arguments.limit, _LARGEST_PAGE),
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


async def _show(arguments: Namespace) -> int:
    async with connected(arguments) as client:
        info = await client.execution(arguments.id).describe()
    if arguments.json:
        print_json(info)
    else:
        print_execution(info)
    return 0


async def _signal(arguments: Namespace) -> int:
    async with connected(arguments) as client:
        await client.execution(arguments.id).signal(
            arguments.topic, arguments.payload, signal_id=arguments.signal_id
        )
    return _done(arguments, f"signal {arguments.topic} sent to {arguments.id}")


async def _cancel(arguments: Namespace) -> int:
    async with connected(arguments) as client:
        await client.execution(arguments.id).cancel(arguments.reason)
    return _done(arguments, f"{arguments.id} cancelled")


async def _delete(arguments: Namespace) -> int:
    async with connected(arguments) as client:
        await client.execution(arguments.id).delete()
    return _done(arguments, f"{arguments.id} deleted")


def _done(arguments: Namespace, sentence: str) -> int:
    if arguments.json:
        print_json({"id": arguments.id})
    else:
        print_text(sentence)
    return 0
