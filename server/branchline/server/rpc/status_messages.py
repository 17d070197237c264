"""What watchers of many executions are told, as messages."""

from __future__ import annotations

from collections.abc import Iterator

from branchline.server.matching import labels_of
from branchline.server.rpc.batches import in_messages
from branchline.server.rpc.checks import timestamp
from branchline.server.status_watching import StatusNews, ToldStatus
from branchline.server.statuses import ALL_STATUSES, status_of
from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb

_MOST_CHANGES = 500
"""How many changes a message has at most."""

_STATUSES = {
    number: execution_pb2.ExecutionStatus.Value(f"EXECUTION_STATUS_{status_of(number)}")
    for number in ALL_STATUSES
}


def status_messages(news: StatusNews, told: int) -> Iterator[pb.WatchExecutionsResponse]:
    """News in messages of a bounded size.

    Only the last has their position: the others repeat the one that was ``told`` before, so that
    a watcher that is cut off between them goes on from there.
    """
    groups = list(in_messages(map(_change_message, news.statuses), _MOST_CHANGES)) or [[]]
    for changes in groups[:-1]:
        yield pb.WatchExecutionsResponse(changes=changes, position=told)
    yield pb.WatchExecutionsResponse(changes=groups[-1], position=news.position)


def _change_message(told: ToldStatus) -> pb.StatusChange:
    execution = told.execution
    return pb.StatusChange(
        execution_id=execution.id,
        workflow=execution.workflow,
        version=execution.version,
        status=_STATUSES[told.status],
        time=timestamp(told.time),
        labels=labels_of(execution) if execution.labels else None,
        parent=execution.parent or "",
    )
