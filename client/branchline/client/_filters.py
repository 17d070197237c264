"""Filters of executions, as the API takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from branchline.client import _convert
from branchline.client.types import ExecutionStatus
from branchline.v1 import execution_service_pb2 as pb


def filter_message(
    *,
    workflow: str | None,
    statuses: Sequence[ExecutionStatus],
    labels: Mapping[str, str] | None,
    parent: str | None,
    started_after: datetime | None,
    started_before: datetime | None,
) -> pb.ExecutionFilter:
    """The executions of which all that is given holds.

    Raises:
        ValueError: a time has no time zone, or a status is ``UNKNOWN``.

    """
    return pb.ExecutionFilter(
        workflow=workflow or "",
        statuses=map(_convert.status_number, statuses),
        labels=labels,
        parent=parent or "",
        started_after=_convert.timestamp(started_after, "started_after"),
        started_before=_convert.timestamp(started_before, "started_before"),
    )
