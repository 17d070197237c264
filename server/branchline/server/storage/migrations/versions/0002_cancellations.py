"""Executions that are still to be cancelled because nobody waits for them any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "cancellations",
        sa.Column("execution", NAME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("execution", name=op.f("pk_cancellations")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("cancellations")
