"""The tables and indexes, for every dialect.

There is no foreign key: one writer keeps the tables in step, and a check per row would be paid
for by every commit. There is no index that no query needs: each costs time and disk per waiting
execution.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite keeps a row under its integer primary key only if the type is called INTEGER.
_KEY: Final = BigInteger().with_variant(Integer(), "sqlite")

meta: Final = Table(
    "meta",
    metadata,
    Column("database_id", Text, nullable=False),
    PrimaryKeyConstraint("database_id"),
)

workflows: Final = Table(
    "workflows",
    metadata,
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("definition", Text, nullable=False),
    Column("create_time", BigInteger, nullable=False),
    PrimaryKeyConstraint("name", "version"),
)

executions: Final = Table(
    "executions",
    metadata,
    Column("key", _KEY, nullable=False, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("workflow", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("start_time", BigInteger, nullable=False),
    Column("close_time", BigInteger),
    Column("wake_at", BigInteger),
    Column("request_id", Text),
    Column("parent", Text),
    Column("labels", Text),
    Column("error", Text),
    Column("outputs", Text),
    PrimaryKeyConstraint("key"),
    UniqueConstraint("id"),
)
Index(
    "uq_executions_request",
    executions.c.workflow,
    executions.c.request_id,
    unique=True,
    sqlite_where=executions.c.request_id.is_not(None),
    postgresql_where=executions.c.request_id.is_not(None),
)
Index(
    "ix_executions_due",
    executions.c.wake_at,
    sqlite_where=executions.c.wake_at.is_not(None),
    postgresql_where=executions.c.wake_at.is_not(None),
)

# For lists, newest first: SQLite ends every index entry with the row's key by itself, and would
# store a key that is named here a second time.
Index("ix_executions_status", executions.c.status)
Index("ix_executions_workflow_status", executions.c.workflow, executions.c.status)

Index(
    "ix_executions_parent",
    executions.c.parent,
    sqlite_where=executions.c.parent.is_not(None),
    postgresql_where=executions.c.parent.is_not(None),
)

labels: Final = Table(
    "labels",
    metadata,
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("execution_key", BigInteger, nullable=False),
    PrimaryKeyConstraint("name", "value", "execution_key"),
    sqlite_with_rowid=False,
)

# What watchers of many executions go on from: a row for each commit that has changed statuses.
status_changes: Final = Table(
    "status_changes",
    metadata,
    Column("position", _KEY, nullable=False, autoincrement=False),
    Column("time", BigInteger, nullable=False),
    Column("changes", Text, nullable=False),
    PrimaryKeyConstraint("position"),
)

history: Final = Table(
    "history",
    metadata,
    Column("execution_key", BigInteger, nullable=False),
    Column("first_sequence", BigInteger, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("events", Text, nullable=False),
    PrimaryKeyConstraint("execution_key", "first_sequence"),
    sqlite_with_rowid=False,
)

snapshots: Final = Table(
    "snapshots",
    metadata,
    Column("execution_key", _KEY, nullable=False, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    PrimaryKeyConstraint("execution_key"),
)

tasks: Final = Table(
    "tasks",
    metadata,
    Column("execution_key", BigInteger, nullable=False),
    Column("task", BigInteger, nullable=False),
    Column("queue", Text, nullable=False),
    Column("activity", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("worker", Text),
    Column("delivery", Integer, nullable=False, server_default="0"),
    Column("schedule_deadline", BigInteger),
    Column("attempt_timeout", BigInteger),
    Column("heartbeat_timeout", BigInteger),
    Column("started_at", BigInteger),
    Column("losses", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("execution_key", "task"),
    sqlite_with_rowid=False,
)
# Only of tasks that nobody has. SQLite ends the entries of a table without row ids with its
# primary key, so that the tasks of a queue and activity are found in their order.
Index(
    "ix_tasks_ready",
    tasks.c.queue,
    tasks.c.activity,
    sqlite_where=tasks.c.worker.is_(None),
    postgresql_where=tasks.c.worker.is_(None),
)
