"""AwaitExecutions: what is asked on the stream, and what is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

import structlog
from google.protobuf.message import DecodeError

from branchline.server.awaiting import Awaiting, Closed
from branchline.server.errors import Reason, ServiceError, internal, invalid_field
from branchline.server.rpc.batches import in_messages
from branchline.server.rpc.checks import required
from branchline.server.rpc.execution_messages import row_message
from branchline.v1 import execution_service_pb2 as pb

log = structlog.get_logger(__name__)

_MOST_IDS = 1_000
_LONGEST_ID = 1_000
_EXECUTIONS_A_MESSAGE = 500


async def read_awaited(
    requests: AsyncIterator[pb.AwaitExecutionsRequest], awaiting: Awaiting
) -> None:
    """Take what a caller names until there is no more."""
    try:
        async for request in requests:
            awaiting.forget(_few("forgotten_ids", request.forgotten_ids))
            await awaiting.add(_checked("execution_ids", request.execution_ids))
    except ServiceError as error:
        awaiting.fail(error)
    except DecodeError:
        message = "a message of the stream is no AwaitExecutionsRequest"
        awaiting.fail(ServiceError(Reason.INVALID_FIELD, message))
    except Exception:
        log.exception("reading what is awaited failed")
        awaiting.fail(internal())
    else:
        awaiting.finish()


def closed_messages(closed: Closed) -> Iterator[pb.AwaitExecutionsResponse]:
    """Messages of a bounded size."""
    for executions in in_messages(map(row_message, closed.rows), _EXECUTIONS_A_MESSAGE):
        yield pb.AwaitExecutionsResponse(executions=executions)
    for first in range(0, len(closed.unknown), _MOST_IDS):
        yield pb.AwaitExecutionsResponse(unknown_ids=closed.unknown[first : first + _MOST_IDS])


def _few(field: str, ids: Sequence[str]) -> Sequence[str]:
    if len(ids) > _MOST_IDS:
        raise invalid_field(field, f"may name at most {_MOST_IDS}, not {len(ids)}")
    return ids


def _checked(field: str, ids: Sequence[str]) -> Sequence[str]:
    for execution_id in _few(field, ids):
        required(field, execution_id, _LONGEST_ID)
    return ids
