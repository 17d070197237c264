"""Run by Alembic: upgrades the database of the connection that the storage hands in."""

from __future__ import annotations

from alembic import context

from branchline.server.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
