"""The SDK's errors, as a server would have made the client raise them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from branchline import engine
from branchline.client import errors
from branchline.client.types import Problem
from branchline.engine.inputs import InvalidInputs

_TOO_EARLY_OR_LATE: Final = "FAILED_PRECONDITION"

_REFUSALS: Final[Mapping[type[engine.Refused], tuple[type[errors.RpcError], str, str]]] = {
    engine.BranchEnded: (errors.BranchEnded, _TOO_EARLY_OR_LATE, "BRANCH_ENDED"),
    engine.ExecutionClosed: (errors.ExecutionClosed, _TOO_EARLY_OR_LATE, "EXECUTION_CLOSED"),
    engine.NotRetryable: (errors.NotRetryable, _TOO_EARLY_OR_LATE, "NOT_RETRYABLE"),
    engine.UnknownBranch: (errors.BranchNotFound, "NOT_FOUND", "BRANCH_NOT_FOUND"),
}


def refused(refusal: engine.Refused) -> errors.RpcError:
    """What a command is answered that does not fit the execution as it stands."""
    kind, code, reason = _REFUSALS[type(refusal)]
    return kind(str(refusal), code=code, reason=reason)


def invalid_inputs(error: InvalidInputs) -> errors.InvalidInputs:
    """What a start is answered whose inputs do not fit (semantics 4.1)."""
    violations = [errors.Violation(f"inputs.{p.name}", p.message) for p in error.problems]
    return errors.InvalidInputs(
        str(error), code="INVALID_ARGUMENT", reason="INVALID_INPUTS", violations=violations
    )


def invalid_definition(problems: list[Problem]) -> errors.InvalidDefinition:
    """What the registration of a definition with problems is answered (semantics 2.6)."""
    return errors.InvalidDefinition(problems)


def invalid_field(field: str, message: str) -> errors.InvalidRequest:
    """What a request with a field is answered that cannot be used."""
    violation = errors.Violation(field, message)
    return errors.InvalidRequest(
        f"{field} {message}",
        code="INVALID_ARGUMENT",
        reason="INVALID_FIELD",
        violations=[violation],
    )


def workflow_not_found(name: str, version: int) -> errors.WorkflowNotFound:
    """There is no such workflow, or no such version of it."""
    what = f'no version {version} of the workflow "{name}"' if version else f'no workflow "{name}"'
    message = f"there is {what}; register it first"
    return errors.WorkflowNotFound(message, code="NOT_FOUND", reason="WORKFLOW_NOT_FOUND")


def execution_not_found(execution_id: str) -> errors.ExecutionNotFound:
    """There is no such execution, or no longer."""
    message = f'there is no execution "{execution_id}"'
    return errors.ExecutionNotFound(message, code="NOT_FOUND", reason="EXECUTION_NOT_FOUND")


def execution_exists(execution_id: str) -> errors.AlreadyExists:
    """The id of a new execution is in use (semantics 4.2)."""
    message = f'the execution id "{execution_id}" is in use; choose another'
    return errors.AlreadyExists(message, code="ALREADY_EXISTS", reason="EXECUTION_EXISTS")


def execution_live(execution_id: str) -> errors.ExecutionLive:
    """Only closed executions can be deleted (semantics 4.10)."""
    message = f'the execution "{execution_id}" is still live; cancel it first'
    return errors.ExecutionLive(message, code=_TOO_EARLY_OR_LATE, reason="EXECUTION_LIVE")
