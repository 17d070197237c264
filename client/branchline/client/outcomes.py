"""How a task ended, as the server is told."""

from __future__ import annotations

from typing import Final

from branchline.client import _json
from branchline.client.connection import LARGEST
from branchline.client.context import ActivityContext
from branchline.client.errors import ActivityError
from branchline.client.recording import PAYLOAD_TOO_LARGE
from branchline.v1 import execution_pb2, task_pb2

ACTIVITY_FAILED: Final = "activity_failed"
INVALID_RESULT: Final = "invalid_result"

_MOST_MESSAGE: Final = 10_000


def completed(token: str, result: object, context: ActivityContext) -> task_pb2.TaskOutcome:
    """The activity returned ``result``.

    Raises:
        ActivityError: the result cannot be told.

    """
    outcome = task_pb2.TaskOutcome(token=token)
    message = outcome.completed
    message.SetInParent()
    if result is not None:
        try:
            message.result_json = _json.encode(result, "the result")
        except ValueError as error:
            raise ActivityError(str(error), INVALID_RESULT) from error
    context.write_patch(message)
    if len(message.result_json) + len(message.set_json) > LARGEST // 4:
        _must_fit(outcome)
    return outcome


def failed(token: str, error: BaseException) -> task_pb2.TaskOutcome:
    """The activity raised an error (semantics 8.1)."""
    if isinstance(error, ActivityError):
        return failure(token, error.type, error.message, _details(error))
    return failure(token, ACTIVITY_FAILED, _message(error))


def failure(token: str, kind: str, message: str, details_json: str = "") -> task_pb2.TaskOutcome:
    """The attempt failed with a type and a message."""
    return task_pb2.TaskOutcome(
        token=token,
        failed=execution_pb2.Failure(
            type=_text(kind) or ACTIVITY_FAILED,
            message=_text(message)[:_MOST_MESSAGE],
            details_json=details_json,
        ),
    )


def released(token: str) -> task_pb2.TaskOutcome:
    """The worker gives the task back."""
    return task_pb2.TaskOutcome(token=token, released=task_pb2.TaskRelease())


def waiting(token: str, wait: task_pb2.TaskWait) -> task_pb2.TaskOutcome:
    """The activity waits for a signal (semantics 7.7)."""
    return task_pb2.TaskOutcome(token=token, waiting=wait)


def _must_fit(outcome: task_pb2.TaskOutcome) -> None:
    size = outcome.ByteSize()
    if size > LARGEST:
        raise ActivityError(
            f"the result is too large: {size} bytes, at most {LARGEST} can be sent",
            PAYLOAD_TOO_LARGE,
        )


def _message(error: BaseException) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - a broken error must still fail its attempt
        return type(error).__name__


def _details(error: ActivityError) -> str:
    if error.details is None:
        return ""
    try:
        return _json.encode(error.details, "the details")
    except ValueError as problem:
        return _json.encode({"unreadable": str(problem)}, "the details")


def _text(text: object) -> str:
    """Text that can be sent: a lone surrogate has no UTF-8."""
    return str(text).encode("utf-8", "replace").decode()
