"""One loop that decides and stores: commands in, durable events out."""

from branchline.server.runtime.inbox import Room
from branchline.server.runtime.live import Live, LiveExecutions
from branchline.server.runtime.loading import Loader
from branchline.server.runtime.requests import (
    CancelChild,
    Command,
    Delete,
    FailLeasedTask,
    ReportOutcome,
    ReportRecord,
    Start,
    Started,
    View,
    Wake,
)
from branchline.server.runtime.runtime import Runtime

__all__ = [
    "CancelChild",
    "Command",
    "Delete",
    "FailLeasedTask",
    "Live",
    "LiveExecutions",
    "Loader",
    "ReportOutcome",
    "ReportRecord",
    "Room",
    "Runtime",
    "Start",
    "Started",
    "View",
    "Wake",
]
