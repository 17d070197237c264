"""The storage: everything that must survive, and nothing that decides."""

from branchline.server.storage.errors import (
    CannotOpen,
    Conflict,
    DatabaseInUse,
    SchemaTooNew,
    StoreError,
    StoreUnavailable,
    Taken,
    UnsupportedDatabase,
)
from branchline.server.storage.rows import (
    Batch,
    Due,
    ExecutionChange,
    ExecutionFilter,
    ExecutionRow,
    HistoryRow,
    SnapshotRow,
    TaskKey,
    TaskLease,
    TaskPayload,
    TaskRow,
    WorkflowRow,
)
from branchline.server.storage.sqlite_connection import SqliteOptions
from branchline.server.storage.store import Store

__all__ = [
    "Batch",
    "CannotOpen",
    "Conflict",
    "DatabaseInUse",
    "Due",
    "ExecutionChange",
    "ExecutionFilter",
    "ExecutionRow",
    "HistoryRow",
    "SchemaTooNew",
    "SnapshotRow",
    "SqliteOptions",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "Taken",
    "TaskKey",
    "TaskLease",
    "TaskPayload",
    "TaskRow",
    "UnsupportedDatabase",
    "WorkflowRow",
]
