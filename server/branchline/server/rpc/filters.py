"""Filters of executions."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from branchline.server.errors import invalid_field
from branchline.server.ids import end_key, first_key
from branchline.server.rpc.checks import short
from branchline.server.rpc.labels import checked_labels
from branchline.server.statuses import ALL_STATUSES, status_of
from branchline.server.storage import ExecutionFilter
from branchline.v1 import execution_service_pb2 as pb

_END_OF_TIME = 2**62
"""Microseconds since the epoch; times beyond are as good as this."""


def filter_of(message: pb.ExecutionFilter) -> ExecutionFilter:
    """The filter of a request. Raises ``ServiceError`` for an unknown status or a bad label."""
    for status in message.statuses:
        if status not in ALL_STATUSES:
            known = ", ".join(f"{number} ({status_of(number)})" for number in ALL_STATUSES)
            raise invalid_field("filter.statuses", f"has no status {status}; known are {known}")
    after = _micros(message.started_after) if message.HasField("started_after") else None
    before = _micros(message.started_before) if message.HasField("started_before") else None
    return ExecutionFilter(
        statuses=tuple(message.statuses) or ALL_STATUSES,
        workflow=short("filter.workflow", message.workflow) or None,
        # The store takes the first microsecond that counts; "after" excludes its own.
        started_after=None if after is None else after + 1,
        started_before=before,
        first_key=None if after is None else first_key(after + 1),
        end_key=None if before is None else end_key(before),
        parent=short("filter.parent", message.parent) or None,
        labels=checked_labels("filter.labels", message.labels),
    )


def list_name(message: pb.ExecutionFilter) -> str:
    """Names the list that a filter makes, for its page tokens."""
    return f"executions {message.SerializeToString(deterministic=True)!r}"


def _micros(time: Timestamp) -> int:
    micros = time.seconds * 1_000_000 + time.nanos // 1_000
    return min(max(micros, 0), _END_OF_TIME)
