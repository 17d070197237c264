"""What workers report, as the engine takes it."""

from __future__ import annotations

from typing import Final

import msgspec

from branchline.engine import AnyCommand, CompleteTask, FailTask, RecordValue, WaitInTask
from branchline.engine.events import Failure
from branchline.engine.values import NULL, Json, Variables
from branchline.v1 import execution_pb2, task_pb2

_MOST_TYPE: Final = 1_000
_MOST_MESSAGE: Final = 10_000
_DEFAULT_TYPE: Final = "activity_failed"


def command_of(task: int, delivery: int, outcome: task_pb2.TaskOutcome) -> AnyCommand | None:
    """What an outcome asks of the execution; None when the worker gives the task back."""
    match outcome.WhichOneof("outcome"):
        case "completed":
            result = outcome.completed
            return CompleteTask(
                task=task,
                result=document(result.result_json),
                set=_members(result.set_json),
                remove=tuple(result.remove),
            )
        case "failed":
            return FailTask(task=task, error=_failure(outcome.failed))
        case "waiting":
            wait = outcome.waiting
            return WaitInTask(
                task=task,
                key=wait.key,
                topic=wait.topic,
                timeout=wait.timeout.ToMicroseconds(),
                deliveries=delivery,
            )
        case _:
            return None


def record_of(task: int, record: task_pb2.TaskRecord) -> RecordValue:
    """What a record asks of the execution."""
    return RecordValue(task=task, key=record.key, value=document(record.value_json))


def document(text: str) -> Json:
    """A JSON document; an empty text is null."""
    return msgspec.Raw(text.encode()) if text else NULL


def _members(text: str) -> Variables:
    return msgspec.json.decode(text, type=dict[str, msgspec.Raw]) if text else {}


def _failure(failure: execution_pb2.Failure) -> Failure:
    return Failure(
        failure.type[:_MOST_TYPE] or _DEFAULT_TYPE,
        failure.message[:_MOST_MESSAGE],
        document(failure.details_json),
    )
