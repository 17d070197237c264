"""The queries of executions that have closed, for every dialect: what may be removed."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from branchline.server.storage.rows import ClosedExecution
from branchline.server.storage.schema import executions, history

_CLOSED = executions.c.close_time.is_not(None)


def closed_workflows(connection: Connection) -> list[str]:
    """The names of the workflows that have closed executions, in order."""
    names: list[str] = []
    # From one name to the next: the executions between them are not read.
    while True:
        query = select(func.min(executions.c.workflow)).where(_CLOSED)
        if names:
            query = query.where(executions.c.workflow > names[-1])
        name = connection.execute(query).scalar()
        if name is None:
            return names
        names.append(name)


def closed_before(
    connection: Connection, workflow: str, time: int, limit: int
) -> list[ClosedExecution]:
    """A workflow's executions that have closed before a time, those that closed first first."""
    # A history ends with its highest number: to count its rows would be to read all of it.
    rows = (
        select(func.max(history.c.first_sequence))
        .where(history.c.execution_key == executions.c.key)
        .correlate(executions)
        .scalar_subquery()
    )
    query = (
        select(executions.c.id, executions.c.key, executions.c.close_time, func.coalesce(rows, 0))
        .where(executions.c.workflow == workflow, _CLOSED, executions.c.close_time < time)
        .order_by(executions.c.close_time, executions.c.key)
        .limit(limit)
    )
    return [ClosedExecution._make(row) for row in connection.execute(query)]
