"""The public names of the SDK, pinned: a change here is a change for users."""

from __future__ import annotations

import subprocess
import sys

import branchline.client

NAMES = [
    "ActivityContext",
    "ActivityError",
    "AlreadyExists",
    "BranchEnded",
    "BranchInfo",
    "BranchNotFound",
    "BranchState",
    "BranchStatus",
    "BranchlineError",
    "Cancellation",
    "Client",
    "DeadlineExceeded",
    "DormantBranch",
    "Event",
    "Execution",
    "ExecutionCanceled",
    "ExecutionClosed",
    "ExecutionCount",
    "ExecutionFailed",
    "ExecutionInfo",
    "ExecutionLive",
    "ExecutionNotFound",
    "ExecutionStatus",
    "Failure",
    "FollowUp",
    "InvalidDefinition",
    "InvalidInputs",
    "InvalidRequest",
    "LeaseLost",
    "NotFound",
    "NotRetryable",
    "Overloaded",
    "PayloadTooLarge",
    "PositionOutOfRange",
    "Problem",
    "Progress",
    "RegisteredWorkflow",
    "RpcError",
    "SequenceOutOfRange",
    "ServerCannotStart",
    "ServerFault",
    "ServerNotInstalled",
    "StartRequest",
    "StatusChange",
    "StatusWatch",
    "StepProgress",
    "StepVisit",
    "Suspension",
    "SuspensionReason",
    "TaskInfo",
    "Unavailable",
    "Violation",
    "WaitTimedOut",
    "WaitingTask",
    "Worker",
    "WorkerReplaced",
    "WorkflowNotFound",
    "WorkflowVersion",
    "activity",
    "local",
]

SLOW_OR_FOREIGN = {"yaml", "rich", "sqlalchemy", "lark", "re2", "structlog", "branchline.server"}


def test_the_public_names() -> None:
    assert branchline.client.__all__ == NAMES
    assert all(hasattr(branchline.client, name) for name in NAMES)


def test_the_import_brings_nothing_slow_and_nothing_of_the_server() -> None:
    code = "import sys, branchline.client; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not SLOW_OR_FOREIGN & set(run.stdout.split())
