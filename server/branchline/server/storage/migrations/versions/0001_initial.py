"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "meta",
        sa.Column("database_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("database_id", name=op.f("pk_meta")),
    )
    op.create_table(
        "workflows",
        sa.Column("name", NAME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("create_time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_workflows")),
    )
    create_executions()
    op.create_table(
        "history",
        sa.Column("execution_key", sa.BigInteger(), nullable=False),
        sa.Column("first_sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("execution_key", "first_sequence", name=op.f("pk_history")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "snapshots",
        sa.Column("execution_key", KEY, nullable=False, autoincrement=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("execution_key", name=op.f("pk_snapshots")),
    )
    create_tasks()
    op.create_table(
        "servers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_servers")),
    )


def create_executions() -> None:
    op.create_table(
        "executions",
        sa.Column("key", KEY, nullable=False, autoincrement=False),
        sa.Column("id", NAME, nullable=False),
        sa.Column("workflow", NAME, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=False),
        sa.Column("close_time", sa.BigInteger()),
        sa.Column("wake_at", sa.BigInteger()),
        sa.Column("request_id", NAME),
        sa.Column("parent", NAME),
        sa.Column("labels", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("outputs", sa.Text()),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_executions")),
        sa.UniqueConstraint("id", name=op.f("uq_executions_id")),
    )
    op.create_index(
        "uq_executions_request",
        "executions",
        ["workflow", "request_id"],
        unique=True,
        sqlite_where=sa.text("request_id IS NOT NULL"),
        postgresql_where=sa.text("request_id IS NOT NULL"),
    )
    create_index("ix_executions_due", "executions", ["wake_at"], ["key"], "wake_at IS NOT NULL")
    closed = "close_time IS NOT NULL"
    create_index("ix_executions_closed", "executions", ["workflow", "close_time"], ["key"], closed)
    create_index("ix_executions_status", "executions", ["status"], ["key"])
    create_index("ix_executions_workflow_status", "executions", ["workflow", "status"], ["key"])
    create_index("ix_executions_parent", "executions", ["parent"], ["key"], "parent IS NOT NULL")
    op.create_table(
        "labels",
        sa.Column("name", NAME, nullable=False),
        sa.Column("value", NAME, nullable=False),
        sa.Column("execution_key", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "value", "execution_key", name=op.f("pk_labels")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "status_changes",
        sa.Column("position", KEY, nullable=False, autoincrement=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_status_changes")),
    )


def create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("execution_key", sa.BigInteger(), nullable=False),
        sa.Column("task", sa.BigInteger(), nullable=False),
        sa.Column("queue", NAME, nullable=False),
        sa.Column("activity", NAME, nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("worker", sa.Text()),
        sa.Column("delivery", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("schedule_deadline", sa.BigInteger()),
        sa.Column("attempt_timeout", sa.BigInteger()),
        sa.Column("heartbeat_timeout", sa.BigInteger()),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("losses", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("server", sa.Text()),
        sa.PrimaryKeyConstraint("execution_key", "task", name=op.f("pk_tasks")),
        sqlite_with_rowid=False,
    )
    key = ["execution_key", "task"]
    create_index("ix_tasks_ready", "tasks", ["queue", "activity"], key, "worker IS NULL")
    if op.get_bind().dialect.name == "postgresql":
        where = sa.text("worker IS NULL AND schedule_deadline IS NOT NULL")
        op.create_index("ix_tasks_overdue", "tasks", ["schedule_deadline"], postgresql_where=where)


def create_index(
    name: str, table: str, columns: list[str], key: list[str], where: str | None = None
) -> None:
    """SQLite ends every entry with the rows' key by itself."""
    if op.get_bind().dialect.name != "sqlite":
        columns = columns + key
    condition = None if where is None else sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    for table in (
        "servers",
        "tasks",
        "snapshots",
        "history",
        "status_changes",
        "labels",
        "executions",
        "workflows",
        "meta",
    ):
        op.drop_table(table)
