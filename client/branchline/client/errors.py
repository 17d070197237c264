"""The errors of the SDK.

::

    BranchlineError
    ├── RpcError                      the server, or the way to it, refused a call
    │   ├── InvalidRequest            a field, page token or task token is wrong
    │   │   ├── InvalidDefinition     ... the definition has problems, all listed
    │   │   └── InvalidInputs         ... inputs are unknown, missing or wrongly typed
    │   ├── NotFound
    │   │   ├── WorkflowNotFound
    │   │   ├── ExecutionNotFound
    │   │   └── BranchNotFound
    │   ├── AlreadyExists             the execution id is in use
    │   ├── ExecutionClosed           too late: the execution has closed
    │   ├── ExecutionLive             too early: the execution has not closed
    │   ├── BranchEnded               too late: the branch has ended
    │   ├── NotRetryable              the execution has not failed, or for good
    │   ├── SequenceOutOfRange        the event number lies behind the history's end
    │   ├── PositionOutOfRange        changes from that position on are not kept
    │   ├── LeaseLost                 the task is no longer this worker's
    │   ├── WorkerReplaced            another worker came with the same worker id
    │   ├── PayloadTooLarge           a document is larger than the server takes
    │   ├── Overloaded                the server takes no more at the moment
    │   ├── Unavailable               the server, or its database, cannot be reached
    │   ├── ServerFault               the server has a fault; its log tells more
    │   └── DeadlineExceeded          no answer came in time (a TimeoutError too)
    ├── ExecutionFailed               the awaited execution failed
    ├── ExecutionCanceled             the awaited execution was cancelled
    ├── ServerNotInstalled            a server in this process needs more packages
    ├── ServerCannotStart             a server in this process cannot use what it was given
    └── ActivityError                 raised by activities
        └── WaitTimedOut              ... no signal came in time
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from branchline.client.types import Failure, Problem


class BranchlineError(Exception):
    """Anything that the SDK raises for reasons of Branchline's."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with one field of a request."""

    field: str
    message: str
    reason: str = ""


class RpcError(BranchlineError):
    """A call was refused, by the server or on the way to it."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "UNKNOWN",
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        """What happened, for people."""
        self.code = code
        """The gRPC status code's name, such as ``NOT_FOUND``."""
        self.reason = reason
        """The server's reason, such as ``EXECUTION_NOT_FOUND``; empty when it gave none."""
        self.metadata = dict(metadata or {})
        """What the message mentions, for programs."""
        self.violations = tuple(violations)
        """What is wrong with single fields."""


class InvalidRequest(RpcError):
    """A field of the request is missing, malformed or out of range; see ``violations``."""


class InvalidDefinition(InvalidRequest):
    """A definition has problems (semantics 2.6)."""

    def __init__(
        self,
        problems: Sequence[Problem],
        message: str = "",
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
    ) -> None:
        lines = [message or "the definition has problems", *map(str, problems)]
        super().__init__(
            "\n  ".join(lines),
            code="INVALID_ARGUMENT",
            reason="INVALID_DEFINITION",
            metadata=metadata,
            violations=violations,
        )
        self.problems = tuple(problems)
        """Every problem."""


class InvalidInputs(InvalidRequest):
    """Inputs are unknown, missing or of the wrong type; all are in ``violations``."""


class NotFound(RpcError):
    """What the request names does not exist."""


class WorkflowNotFound(NotFound):
    """No workflow of that name, or no such version of it."""


class ExecutionNotFound(NotFound):
    """No execution of that id, or no longer."""


class BranchNotFound(NotFound):
    """The execution has no branch of that id."""


class AlreadyExists(RpcError):
    """The execution id is in use by another request (semantics 4.2)."""


class ExecutionClosed(RpcError):
    """The execution has closed, the request comes too late."""


class ExecutionLive(RpcError):
    """The execution is still live, the request comes too early."""


class BranchEnded(RpcError):
    """The branch has ended, the request comes too late."""


class NotRetryable(RpcError):
    """The execution has not failed, or in a way that a retry cannot mend (semantics 4.9)."""


class SequenceOutOfRange(RpcError):
    """The event number lies behind the end of the history."""


class PositionOutOfRange(RpcError):
    """The position lies ahead, or changes after it are no longer kept: watch without one."""


class LeaseLost(RpcError):
    """The task's lease has ended; the report changed nothing (semantics 7.3)."""


class WorkerReplaced(RpcError):
    """Another worker connected with the same worker id."""


class PayloadTooLarge(RpcError):
    """A document is larger than the server takes."""


class Overloaded(RpcError):
    """The server takes no more at the moment, and did not in the time of the call."""


class Unavailable(RpcError):
    """The server, or its database, could not be reached in the time of the call."""


class ServerFault(RpcError):
    """The server has a fault: its log has the details, and the call has changed nothing."""


class DeadlineExceeded(RpcError, TimeoutError):
    """No answer came in the time of the call; whether the request was served is unknown."""


class ExecutionFailed(BranchlineError):
    """The execution failed (semantics 4.6)."""

    def __init__(self, execution_id: str, failure: Failure) -> None:
        super().__init__(f"execution {execution_id} failed ({failure.type}): {failure.message}")
        self.execution_id = execution_id
        self.type = failure.type
        """The error's type, such as ``activity_failed``."""
        self.message = failure.message
        self.details = failure.details
        """A JSON value."""


class ExecutionCanceled(BranchlineError):
    """The execution was cancelled (semantics 4.9)."""

    def __init__(self, execution_id: str) -> None:
        super().__init__(f"execution {execution_id} was cancelled")
        self.execution_id = execution_id


class ActivityError(BranchlineError):
    """Raised by an activity to fail its attempt with a type of its own (semantics 8.1).

    ``retry`` and ``catch`` of the step match the type; ``fatal_error`` is not tried again
    unless a policy names it.

    ``details`` is a JSON value.
    """

    def __init__(
        self,
        message: str,
        type: str = "activity_failed",  # noqa: A002 - as definition files call it
        details: object = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.type = type
        self.details = details


class WaitTimedOut(ActivityError):
    """No signal came in the time that an activity waits; its type is ``timeout`` (7.7)."""

    def __init__(self, topic: str, timeout: float) -> None:
        super().__init__(f"no signal on {topic} in {timeout:g} s", "timeout")
        self.topic = topic
        self.timeout = timeout
        """Seconds."""


class ServerNotInstalled(BranchlineError):
    """A server in this process needs what is not installed; the message tells the remedy."""


class ServerCannotStart(BranchlineError):
    """A server in this process cannot start: its database cannot be used, or a setting."""


class DefinitionFileError(BranchlineError):
    """A definition file that cannot be read at all: the message tells where and why."""
