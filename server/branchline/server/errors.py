"""What the server refuses, in terms of its users.

Every error that reaches a caller is a ``ServiceError`` with a reason of a closed list; only
``rpc`` knows which status code a reason becomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Reason(StrEnum):
    """Why a call failed; the names of ``ErrorReason`` in the protocol."""

    INVALID_FIELD = "INVALID_FIELD"
    INVALID_DEFINITION = "INVALID_DEFINITION"
    INVALID_INPUTS = "INVALID_INPUTS"
    INVALID_PAGE_TOKEN = "INVALID_PAGE_TOKEN"  # noqa: S105 - a reason, no password
    INVALID_TASK_TOKEN = "INVALID_TASK_TOKEN"  # noqa: S105 - a reason, no password
    WORKFLOW_NOT_FOUND = "WORKFLOW_NOT_FOUND"
    EXECUTION_NOT_FOUND = "EXECUTION_NOT_FOUND"
    BRANCH_NOT_FOUND = "BRANCH_NOT_FOUND"
    BRANCH_ENDED = "BRANCH_ENDED"
    NOT_RETRYABLE = "NOT_RETRYABLE"
    EXECUTION_EXISTS = "EXECUTION_EXISTS"
    EXECUTION_CLOSED = "EXECUTION_CLOSED"
    EXECUTION_LIVE = "EXECUTION_LIVE"
    LEASE_LOST = "LEASE_LOST"
    SEQUENCE_OUT_OF_RANGE = "SEQUENCE_OUT_OF_RANGE"
    POSITION_OUT_OF_RANGE = "POSITION_OUT_OF_RANGE"
    WORKER_REPLACED = "WORKER_REPLACED"
    OVERLOADED = "OVERLOADED"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    INTERNAL = "INTERNAL"


class Violation(NamedTuple):
    """What is wrong with one field of a request."""

    field: str
    description: str
    code: str = ""
    """For programs, such as a definition problem's code."""


class ServiceError(Exception):
    """A call that is refused; nothing has changed."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        violations: Sequence[Violation] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.violations = tuple(violations)
        self.retry_after = retry_after
        """Seconds after which to try again."""


def invalid_field(field: str, description: str) -> ServiceError:
    """A request whose field is missing, malformed or out of range."""
    message = f"{field}: {description}"
    violations = [Violation(field, description)]
    return ServiceError(Reason.INVALID_FIELD, message, violations=violations)


def execution_not_found(execution_id: str) -> ServiceError:
    """A request for an execution that is not there, or no longer."""
    return ServiceError(Reason.EXECUTION_NOT_FOUND, f'there is no execution "{execution_id}"')


def overloaded() -> ServiceError:
    """A request beyond what the server takes in at the moment."""
    message = "the server has more work than it takes in; try again in a moment"
    return ServiceError(Reason.OVERLOADED, message, retry_after=0.5)


def shutting_down() -> ServiceError:
    """A request to a server that is going down."""
    return ServiceError(Reason.SHUTTING_DOWN, "the server is going down; connect again")


def contended() -> ServiceError:
    """Other servers were faster too often; nothing has changed."""
    message = "other servers change the same executions all the time; try again"
    return ServiceError(Reason.STORE_UNAVAILABLE, message)


def store_unavailable(cause: Exception) -> ServiceError:
    """A change that the database did not take."""
    message = f"the database did not take the change, nothing was changed: {cause}"
    return ServiceError(Reason.STORE_UNAVAILABLE, message, retry_after=0.5)


def internal() -> ServiceError:
    """A fault of the server; the log has the details."""
    return ServiceError(Reason.INTERNAL, "the server has a fault; its log tells more")
