"""The Python SDK of Branchline: a client, a worker and the activities that it offers.

::

    from branchline.client import Client, Worker, activity

What is listed here is the SDK; the modules inside may change.
"""

from branchline.client.activities import activity
from branchline.client.client import Client
from branchline.client.context import ActivityContext, Cancellation
from branchline.client.errors import (
    ActivityError,
    AlreadyExists,
    BranchEnded,
    BranchlineError,
    BranchNotFound,
    DeadlineExceeded,
    ExecutionCanceled,
    ExecutionClosed,
    ExecutionFailed,
    ExecutionLive,
    ExecutionNotFound,
    InvalidDefinition,
    InvalidInputs,
    InvalidRequest,
    LeaseLost,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    RpcError,
    SequenceOutOfRange,
    Unavailable,
    UnsupportedFeature,
    Violation,
    WorkerReplaced,
    WorkflowNotFound,
)
from branchline.client.execution import Execution
from branchline.client.types import (
    BranchInfo,
    BranchStatus,
    DormantBranch,
    Event,
    ExecutionInfo,
    ExecutionStatus,
    Failure,
    Problem,
    Progress,
    RegisteredWorkflow,
    StartRequest,
    Suspension,
    SuspensionReason,
    TaskInfo,
    WaitingTask,
    WorkflowVersion,
)
from branchline.client.worker import Worker

__all__ = [
    "ActivityContext",
    "ActivityError",
    "AlreadyExists",
    "BranchEnded",
    "BranchInfo",
    "BranchNotFound",
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
    "ExecutionFailed",
    "ExecutionInfo",
    "ExecutionLive",
    "ExecutionNotFound",
    "ExecutionStatus",
    "Failure",
    "InvalidDefinition",
    "InvalidInputs",
    "InvalidRequest",
    "LeaseLost",
    "NotFound",
    "Overloaded",
    "PayloadTooLarge",
    "Problem",
    "Progress",
    "RegisteredWorkflow",
    "RpcError",
    "SequenceOutOfRange",
    "StartRequest",
    "Suspension",
    "SuspensionReason",
    "TaskInfo",
    "Unavailable",
    "UnsupportedFeature",
    "Violation",
    "WaitingTask",
    "Worker",
    "WorkerReplaced",
    "WorkflowNotFound",
    "WorkflowVersion",
    "activity",
]
