"""The tables and indexes, for every dialect.

There is no foreign key: one writer keeps the tables in step, and a check per row would be paid
for by every commit. There is no index that no query needs: each costs time and disk per waiting
execution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
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

# Names are compared byte by byte, everywhere alike: a locale's order is slower and may change.
_NAME: Final = Text().with_variant(Text(collation="C"), "postgresql")

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
    Column("name", _NAME, nullable=False),
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
    Column("id", _NAME, nullable=False),
    Column("workflow", _NAME, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("start_time", BigInteger, nullable=False),
    Column("close_time", BigInteger),
    Column("wake_at", BigInteger),
    Column("request_id", _NAME),
    Column("parent", _NAME),
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


def _index(name: str, columns: Sequence[Column[Any]], key: Sequence[Column[Any]]) -> None:
    """An index whose entries of the same value are in the order of the rows' key.

    SQLite ends every entry with the key by itself, and would store one that is named a second
    time.
    """
    Index(name, *columns).ddl_if(dialect="sqlite")
    Index(name, *columns, *key).ddl_if(dialect="postgresql")


def _partial_index(
    name: str,
    columns: Sequence[Column[Any]],
    key: Sequence[Column[Any]],
    where: ColumnElement[bool],
) -> None:
    """The same for some of the rows."""
    Index(name, *columns, sqlite_where=where).ddl_if(dialect="sqlite")
    Index(name, *columns, *key, postgresql_where=where).ddl_if(dialect="postgresql")


_EXECUTION_KEY: Final = (executions.c.key,)
_partial_index(
    "ix_executions_due",
    [executions.c.wake_at],
    _EXECUTION_KEY,
    executions.c.wake_at.is_not(None),
)
# For their removal; those that are live are not in it.
_partial_index(
    "ix_executions_closed",
    [executions.c.workflow, executions.c.close_time],
    _EXECUTION_KEY,
    executions.c.close_time.is_not(None),
)
# For lists, newest first.
_index("ix_executions_status", [executions.c.status], _EXECUTION_KEY)
_index(
    "ix_executions_workflow_status", [executions.c.workflow, executions.c.status], _EXECUTION_KEY
)
_partial_index(
    "ix_executions_parent",
    [executions.c.parent],
    _EXECUTION_KEY,
    executions.c.parent.is_not(None),
)

labels: Final = Table(
    "labels",
    metadata,
    Column("name", _NAME, nullable=False),
    Column("value", _NAME, nullable=False),
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
    Column("queue", _NAME, nullable=False),
    Column("activity", _NAME, nullable=False),
    Column("payload", Text, nullable=False),
    Column("worker", Text),
    Column("delivery", Integer, nullable=False, server_default="0"),
    Column("schedule_deadline", BigInteger),
    Column("attempt_timeout", BigInteger),
    Column("heartbeat_timeout", BigInteger),
    Column("started_at", BigInteger),
    Column("losses", Integer, nullable=False, server_default="0"),
    Column("server", Text),
    PrimaryKeyConstraint("execution_key", "task"),
    sqlite_with_rowid=False,
)
# Only of tasks that nobody has: those of a queue and activity are found in their order.
_partial_index(
    "ix_tasks_ready",
    [tasks.c.queue, tasks.c.activity],
    [tasks.c.execution_key, tasks.c.task],
    tasks.c.worker.is_(None),
)
# Those whose time is over while nobody has them, for servers that share the database.
Index(
    "ix_tasks_overdue",
    tasks.c.schedule_deadline,
    postgresql_where=tasks.c.worker.is_(None) & tasks.c.schedule_deadline.is_not(None),
).ddl_if(dialect="postgresql")

# Executions that nobody waits for any more and that are still to be cancelled: too many for the
# commit that ended the wait.
cancellations: Final = Table(
    "cancellations",
    metadata,
    Column("execution", _NAME, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("execution"),
    sqlite_with_rowid=False,
)

# The servers that share the database, each with its last sign of life.
servers: Final = Table(
    "servers",
    metadata,
    Column("id", Text, nullable=False),
    Column("seen", BigInteger, nullable=False),
    PrimaryKeyConstraint("id"),
)
