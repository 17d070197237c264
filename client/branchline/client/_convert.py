"""From the messages of the API to the SDK's types: the only such place but the worker's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeVar, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from branchline.client import _json, types
from branchline.client.durations import Length, in_seconds
from branchline.v1 import (
    event_pb2,
    execution_pb2,
    execution_service_pb2,
    step_visit_pb2,
    task_service_pb2,
    workflow_pb2,
)

_Status = TypeVar("_Status", bound=StrEnum)

_LONGEST_DURATION: Final = 315_576_000_000
"""Seconds; what a Duration may tell."""

_EXECUTION: Final = execution_pb2.ExecutionStatus.DESCRIPTOR
_BRANCH: Final = execution_pb2.BranchStatus.DESCRIPTOR
_REASON: Final = execution_pb2.SuspensionReason.DESCRIPTOR


def execution_info(message: execution_pb2.Execution) -> types.ExecutionInfo:
    """An execution, in whichever view it came."""
    return types.ExecutionInfo(
        id=message.id,
        workflow=message.workflow,
        version=message.version,
        status=_status(types.ExecutionStatus, _EXECUTION, message.status),
        start_time=time_of(message, "start_time"),
        close_time=time_of(message, "close_time"),
        inputs=_json.decode(message.inputs_json, {}),
        outputs=_json.decode(message.outputs_json),
        error=failure(message.error) if message.HasField("error") else None,
        last_sequence=message.last_sequence,
        branches=tuple(map(_branch, message.branches)),
        suspension=_suspension(message.suspension) if message.HasField("suspension") else None,
        waiting_tasks=tuple(
            types.WaitingTask(task.activity, task.task_queue) for task in message.waiting_tasks
        ),
        labels=dict(message.labels),
        parent=message.parent,
        depth=message.depth,
        follow_ups=tuple(map(_follow_up, message.follow_ups)),
    )


def execution_count(message: execution_service_pb2.CountExecutionsResponse) -> types.ExecutionCount:
    """How many executions there are; those of unknown statuses together."""
    by_status: Counter[types.ExecutionStatus] = Counter()
    for count in message.by_status:
        by_status[_status(types.ExecutionStatus, _EXECUTION, count.status)] += count.count
    return types.ExecutionCount(message.total, dict(by_status))


def status_change(message: execution_service_pb2.StatusChange) -> types.StatusChange:
    """How an execution stands, as a watch of many tells it."""
    return types.StatusChange(
        execution_id=message.execution_id,
        workflow=message.workflow,
        version=message.version,
        status=_status(types.ExecutionStatus, _EXECUTION, message.status),
        time=time_of(message, "time"),
        labels=dict(message.labels),
        parent=message.parent,
    )


def failure(message: execution_pb2.Failure) -> types.Failure:
    """An error of an execution, a branch or an attempt."""
    return types.Failure(
        message.type or "activity_failed", message.message, _json.decode(message.details_json)
    )


def event(message: event_pb2.Event) -> types.Event:
    """An entry of a history; one of a kind that this SDK does not know is ``unknown``."""
    kind = message.WhichOneof("event")
    data = _record(getattr(message, kind)) if kind else {}
    return types.Event(message.sequence, time_of(message, "time"), kind or "unknown", data)


def progress(message: event_pb2.Progress) -> types.Progress:
    """What an activity said of itself."""
    return types.Progress(
        branch=message.branch,
        step=message.step,
        activity=message.activity,
        item=message.item if message.HasField("item") else None,
        attempt=message.attempt,
        message=message.message,
        data=_json.decode(message.data_json),
        time=time_of(message, "time"),
    )


def step_visit(message: step_visit_pb2.StepVisit) -> types.StepVisit:
    """One stay of a branch in a step."""
    return types.StepVisit(
        number=message.number,
        branch=message.branch,
        step=message.step,
        status=_status(types.BranchStatus, _BRANCH, message.status),
        activity=message.activity,
        attempt=message.attempt,
        start_time=time_of(message, "start_time"),
        end_time=time_of(message, "end_time"),
        error=failure(message.error) if message.HasField("error") else None,
        progress=_step_progress(message.progress) if message.HasField("progress") else None,
        items=message.items,
        items_done=message.items_done,
        children=tuple(message.children),
    )


def branch_state(message: task_service_pb2.GetBranchStateResponse) -> types.BranchState:
    """The variables of a task's branch and the inputs of its execution."""
    return types.BranchState(
        _json.decode(message.state_json, {}), _json.decode(message.inputs_json, {})
    )


def problem(message: workflow_pb2.Problem) -> types.Problem:
    """One thing that is wrong with a definition."""
    return types.Problem(message.code, message.step, message.message)


def workflow_version(
    message: workflow_pb2.WorkflowVersion, definition: dict[str, Any] | None = None
) -> types.WorkflowVersion:
    """A registered version of a workflow."""
    return types.WorkflowVersion(
        message.name, message.version, time_of(message, "create_time"), definition
    )


def status_number(status: types.ExecutionStatus) -> execution_pb2.ExecutionStatus.ValueType:
    """The API's number of a status.

    Raises:
        ValueError: it is ``UNKNOWN``, which no list can be filtered by.

    """
    return execution_pb2.ExecutionStatus.Value(f"EXECUTION_STATUS_{status}")


def duration(length: Length | None, what: str) -> Duration | None:
    """The API's form of a length of time.

    Raises:
        ValueError: it is no number of seconds that can be told.

    """
    if length is None:
        return None
    seconds = in_seconds(length)
    if not abs(seconds) <= _LONGEST_DURATION:
        raise ValueError(f"{what} cannot be {seconds} seconds")
    result = Duration()
    result.FromMicroseconds(round(seconds * 1_000_000))
    return result


def timestamp(time: datetime | None, what: str) -> Timestamp | None:
    """The API's form of a time.

    Raises:
        ValueError: it has no time zone.

    """
    if time is None:
        return None
    if time.tzinfo is None:
        raise ValueError(f"{what} needs a time zone, for example datetime.now(UTC)")
    result = Timestamp()
    result.FromDatetime(time)
    return result


def time_of(message: Message, field: str) -> datetime | None:
    """The time in a field, None when it is left out."""
    if not message.HasField(field):
        return None
    stamp: Timestamp = getattr(message, field)
    return stamp.ToDatetime(UTC)


def _status(kind: type[_Status], enum: EnumDescriptor, number: int) -> _Status:
    return _statuses(kind, enum).get(number) or kind("UNKNOWN")


@cache
def _statuses(kind: type[_Status], enum: EnumDescriptor) -> dict[int, _Status]:
    """What the numbers of an enum mean; those that the SDK does not know are left out."""
    names = _names(enum)
    return {number: kind(name) for number, name in names.items() if name in kind.__members__}


def _names(enum: EnumDescriptor) -> dict[int, str]:
    """The names of an enum's numbers, without what they have in common."""
    prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
    return {value.number: value.name.removeprefix(prefix) for value in enum.values}


def _branch(message: execution_pb2.Branch) -> types.BranchInfo:
    return types.BranchInfo(
        id=message.id,
        name=message.name,
        parent=message.parent,
        status=_status(types.BranchStatus, _BRANCH, message.status),
        step=message.step,
        state=_json.decode(message.state_json, {}),
        error=failure(message.error) if message.HasField("error") else None,
    )


def _step_progress(message: step_visit_pb2.StepProgress) -> types.StepProgress:
    return types.StepProgress(
        message=message.message,
        data=_json.decode(message.data_json),
        time=time_of(message, "time"),
        item=message.item if message.HasField("item") else None,
    )


def _suspension(message: execution_pb2.Suspension) -> types.Suspension:
    return types.Suspension(
        reason=_reason(message.reason),
        topics=tuple(message.topics),
        wake_time=time_of(message, "wake_time"),
        branches=tuple(
            types.DormantBranch(
                branch=branch.branch,
                step=branch.step,
                reason=_reason(branch.reason),
                topic=branch.topic,
                wake_time=time_of(branch, "wake_time"),
                pause_reason=branch.pause_reason,
                children=tuple(branch.children),
            )
            for branch in message.branches
        ),
    )


def _follow_up(message: execution_pb2.FollowUpResult) -> types.FollowUp:
    return types.FollowUp(
        workflow=message.workflow,
        execution_id=message.execution_id,
        error=failure(message.error) if message.HasField("error") else None,
    )


def _reason(number: int) -> types.SuspensionReason:
    return _status(types.SuspensionReason, _REASON, number)


# Events are converted by their descriptors: a field that a newer API adds is simply there.


def _record(message: Message) -> dict[str, Any]:
    return {
        name: None
        if can_be_left_out and not message.HasField(field)
        else read(getattr(message, field))
        for name, field, can_be_left_out, read in _fields(message.DESCRIPTOR)
    }


@cache
def _fields(
    descriptor: Descriptor,
) -> tuple[tuple[str, str, bool, Callable[[Any], Any]], ...]:
    return tuple(
        (
            field.name.removesuffix("_json"),
            field.name,
            field.has_presence,
            _reader(field),
        )
        for field in descriptor.fields
    )


def _reader(field: FieldDescriptor) -> Callable[[Any], Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict
    single = _single_reader(field)
    if not field.is_repeated:
        return single
    return lambda values: [single(value) for value in values]


def _single_reader(field: FieldDescriptor) -> Callable[[Any], Any]:
    if field.enum_type is not None:
        names = _names(field.enum_type)
        return lambda value: names.get(value, "UNKNOWN")
    if field.message_type is None:
        return _json.decode if field.name.endswith("_json") else _as_it_is
    if field.message_type is Timestamp.DESCRIPTOR:
        return lambda value: cast("Timestamp", value).ToDatetime(UTC)
    if field.message_type is Duration.DESCRIPTOR:
        return lambda value: cast("Duration", value).ToTimedelta()
    return _record


def _as_it_is(value: object) -> object:
    return value
