"""Which executions a command is about."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from branchline.client.cli.values import add_labels
from branchline.client.types import ExecutionStatus

_STATUSES = [status.value for status in ExecutionStatus if status is not ExecutionStatus.UNKNOWN]


def add_filter(parser: ArgumentParser) -> None:
    """Add the flags of a filter."""
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
    add_labels(parser, "only with this label")
    parser.add_argument("--parent", metavar="ID", help="only those that this execution started")


def filter_of(arguments: Namespace) -> dict[str, Any]:
    """The filter as the client's methods take it."""
    return {
        "workflow": arguments.workflow,
        "statuses": [ExecutionStatus(status) for status in arguments.status],
        "labels": dict(arguments.labels),
        "parent": arguments.parent,
    }
