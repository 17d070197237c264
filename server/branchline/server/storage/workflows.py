"""The queries of workflows, for every dialect."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, insert, select

from branchline.server.storage.rows import WorkflowRow
from branchline.server.storage.schema import workflows


def workflow(connection: Connection, name: str, version: int | None) -> WorkflowRow | None:
    """A version of a workflow, by default the latest; None when there is none."""
    query = select(*workflows.c).where(workflows.c.name == name)
    if version is None:
        query = query.order_by(workflows.c.version.desc()).limit(1)
    else:
        query = query.where(workflows.c.version == version)
    row = connection.execute(query).first()
    return None if row is None else WorkflowRow._make(row)


def latest_versions(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """The latest version of each of these workflows that exists."""
    query = (
        select(workflows.c.name, func.max(workflows.c.version).label("version"))
        .where(workflows.c.name.in_(names))
        .group_by(workflows.c.name)
    )
    return {row.name: row.version for row in connection.execute(query)}


def latest_workflows(connection: Connection, after_name: str, limit: int) -> list[WorkflowRow]:
    """The latest versions of the workflows whose names come after one, ordered by name."""
    others = workflows.alias()
    latest = (
        select(func.max(others.c.version))
        .where(others.c.name == workflows.c.name)
        .scalar_subquery()
    )
    query = (
        select(*workflows.c)
        .where(workflows.c.name > after_name, workflows.c.version == latest)
        .order_by(workflows.c.name)
        .limit(limit)
    )
    return [WorkflowRow._make(row) for row in connection.execute(query)]


def add_workflow(
    connection: Connection, name: str, content_hash: str, definition: str, create_time: int
) -> tuple[int, bool]:
    """Add a version unless the latest has the same content; the version, and whether it is new."""
    latest = workflow(connection, name, None)
    if latest is not None and latest.content_hash == content_hash:
        return latest.version, False
    version = 1 if latest is None else latest.version + 1
    connection.execute(
        insert(workflows).values(
            name=name,
            version=version,
            content_hash=content_hash,
            definition=definition,
            create_time=create_time,
        )
    )
    return version, True
