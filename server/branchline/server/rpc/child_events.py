"""Events of children and follow-ups as messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from branchline.engine import events as e
from branchline.server.rpc.checks import duration, timestamp
from branchline.server.rpc.values import failure_message, object_text
from branchline.v1 import event_pb2 as pb


def _requested(event: e.ChildRequested) -> pb.ChildRequested:
    return pb.ChildRequested(
        child=event.child,
        branch=event.branch,
        item=event.item,
        attempt=event.attempt,
        workflow=event.workflow,
        version=event.version,
        inputs_json=object_text(event.inputs),
        wait=event.wait,
        timeout=duration(event.timeout),
    )


def _started(event: e.ChildStarted) -> pb.ChildStarted:
    return pb.ChildStarted(
        child=event.child, execution_id=event.execution, until=timestamp(event.until)
    )


def _completed(event: e.ChildCompleted) -> pb.ChildCompleted:
    return pb.ChildCompleted(child=event.child, result_json=bytes(event.result).decode())


def _failed(event: e.ChildFailed) -> pb.ChildFailed:
    return pb.ChildFailed(child=event.child, error=failure_message(event.error))


def _timed_out(event: e.ChildTimedOut) -> pb.ChildTimedOut:
    return pb.ChildTimedOut(child=event.child, execution_id=event.execution)


def _stopped(event: e.ChildrenStopped) -> pb.ChildrenStopped:
    return pb.ChildrenStopped(children=event.children, execution_ids=event.executions)


def _follow_up_requested(event: e.FollowUpRequested) -> pb.FollowUpRequested:
    return pb.FollowUpRequested(
        child=event.child, workflow=event.workflow, inputs_json=object_text(event.inputs)
    )


def _follow_up_started(event: e.FollowUpStarted) -> pb.FollowUpStarted:
    return pb.FollowUpStarted(child=event.child, execution_id=event.execution)


def _follow_up_failed(event: e.FollowUpFailed) -> pb.FollowUpFailed:
    return pb.FollowUpFailed(
        child=event.child, workflow=event.workflow, error=failure_message(event.error)
    )


CHILD_WRITERS: dict[type[e.Event], tuple[str, Callable[[Any], object]]] = {
    e.ChildRequested: ("child_requested", _requested),
    e.ChildStarted: ("child_started", _started),
    e.ChildCompleted: ("child_completed", _completed),
    e.ChildFailed: ("child_failed", _failed),
    e.ChildTimedOut: ("child_timed_out", _timed_out),
    e.ChildrenStopped: ("children_stopped", _stopped),
    e.FollowUpRequested: ("follow_up_requested", _follow_up_requested),
    e.FollowUpStarted: ("follow_up_started", _follow_up_started),
    e.FollowUpFailed: ("follow_up_failed", _follow_up_failed),
}
