"""Branchline's engine: what must happen next. No I/O, no clock, no dice."""

from branchline.engine.commands import (
    AnyCommand,
    Cancel,
    ChildBegan,
    ChildClosed,
    ChildRefused,
    CompleteTask,
    FailTask,
    Pause,
    RecordValue,
    Retry,
    Signal,
    Unpause,
    WaitInTask,
    Wake,
)
from branchline.engine.decide import Link, decide, refuse_closed, start
from branchline.engine.errors import (
    BranchEnded,
    EngineError,
    ExecutionClosed,
    InvalidHistory,
    NotRetryable,
    Refused,
    TaskGone,
    UnknownBranch,
)
from branchline.engine.evolve import evolve, fold
from branchline.engine.plan import Plan
from branchline.engine.state import Branch, Execution, Status

__all__ = [
    "AnyCommand",
    "Branch",
    "BranchEnded",
    "Cancel",
    "ChildBegan",
    "ChildClosed",
    "ChildRefused",
    "CompleteTask",
    "EngineError",
    "Execution",
    "ExecutionClosed",
    "FailTask",
    "InvalidHistory",
    "Link",
    "NotRetryable",
    "Pause",
    "Plan",
    "RecordValue",
    "Refused",
    "Retry",
    "Signal",
    "Status",
    "TaskGone",
    "UnknownBranch",
    "Unpause",
    "WaitInTask",
    "Wake",
    "decide",
    "evolve",
    "fold",
    "refuse_closed",
    "start",
]
