"""``watch`` without an execution: how all stand, and every change of it."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from branchline.client.cli.connecting import LONG_PATIENCE, connected
from branchline.client.cli.filters import filter_of
from branchline.client.cli.output import LineWriter, as_document, print_json_line
from branchline.client.cli.texts import STYLES, local_time, one_line

if TYPE_CHECKING:
    from branchline.client.types import StatusChange
    from branchline.client.watches import StatusWatch

_TIME = len("2026-01-02 03:04:05")
_LONGEST_STATUS = max(map(len, STYLES))
_TOLD = ("execution_id", "workflow", "version", "status", "time", "labels", "parent")


async def watch_statuses(arguments: Namespace) -> int:
    """Print how executions stand, and every change until somebody interrupts."""
    async with connected(arguments, LONG_PATIENCE) as client:
        watch = client.watch_executions(**filter_of(arguments), after=arguments.after)
        writer = LineWriter(sys.stdout)
        async for change in watch:
            if arguments.json:
                print_json_line(_document(watch, change))
            else:
                _write(writer, change)
    return 0


def _document(watch: StatusWatch, change: StatusChange) -> dict[str, Any]:
    return {**as_document(change, *_TOLD), "position": watch.position}


def _write(writer: LineWriter, change: StatusChange) -> None:
    status = change.status.value
    writer.line(
        (f"{local_time(change.time):{_TIME}}  ", "dim"),
        (f"{status:{_LONGEST_STATUS}}  ", STYLES.get(status, "")),
        (f"{one_line(change.execution_id)}  ", ""),
        (one_line(change.workflow), "dim"),
    )
