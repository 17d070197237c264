"""Lists and counts of executions, for every dialect: none reads more than it has to.

Each begins with the condition that few executions meet, and reads those newest first: a parent's
children, else the rarest label, else each status by itself. All else is looked up row by row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    FromClause,
    Row,
    Select,
    exists,
    func,
    literal,
    select,
    union_all,
)

from branchline.server.storage.rows import ExecutionFilter, ExecutionRow
from branchline.server.storage.schema import executions, labels

_COUNT_UP_TO: Final = 1000
"""How far executions with a label are counted to find out which label is the rarest."""

_Columns = Iterable[Column[Any]]
_Conditions = list[ColumnElement[bool]]


def list_executions(
    connection: Connection, wanted: ExecutionFilter, before_key: int | None, limit: int
) -> list[ExecutionRow]:
    """The newest executions that pass a filter, newest first."""
    rows = newest(connection, executions.c, wanted, before_key, limit)
    return [ExecutionRow._make(row) for row in rows]


def newest(
    connection: Connection,
    columns: _Columns,
    wanted: ExecutionFilter,
    before_key: int | None,
    limit: int,
) -> Sequence[Row[Any]]:
    """These columns, the key among them, of the newest executions that pass a filter."""
    if not wanted.statuses:
        return []
    bounded = _bounded(wanted, before_key)
    query: Select[Any] | CompoundSelect[Any]
    if wanted.parent is not None or wanted.labels:
        query = _from_start(connection, bounded).newest(columns, limit)
    else:
        query = _by_status(columns, bounded, limit)
    return connection.execute(query).all()


def count_executions(connection: Connection, wanted: ExecutionFilter) -> dict[int, int]:
    """How many executions pass a filter, by status."""
    if wanted.parent is not None or wanted.labels:
        start = _from_start(connection, wanted)
        source, conditions = start.source, start.conditions
    else:
        source = executions
        conditions = [
            executions.c.status.in_(wanted.statuses),
            *_within(executions.c.key, wanted),
            *_of_workflow(wanted),
            *_in_time(wanted),
        ]
    query = (
        select(executions.c.status, func.count().label("number"))
        .select_from(source)
        .where(*conditions)
        .group_by(executions.c.status)
    )
    return {row.status: row.number for row in connection.execute(query)}


class _Start(NamedTuple):
    """Where a query begins, so that an index gives it the keys in order."""

    source: FromClause
    key: ColumnElement[int]
    conditions: _Conditions

    def newest(self, columns: _Columns, limit: int) -> Select[Any]:
        """These columns of the newest executions."""
        query = select(*columns).select_from(self.source).where(*self.conditions)
        return query.order_by(self.key.desc()).limit(limit)


def _by_status(columns: _Columns, wanted: ExecutionFilter, limit: int) -> CompoundSelect[Any]:
    """The newest executions, each status by itself.

    A list of statuses in one condition would have to be sorted; one after the other they are
    read in the index's order, and no further than the page.
    """
    conditions = [*_within(executions.c.key, wanted), *_of_workflow(wanted), *_in_time(wanted)]
    pages = [
        select(*columns)
        .where(executions.c.status == status, *conditions)
        .order_by(executions.c.key.desc())
        .limit(limit)
        .subquery()
        .select()
        for status in dict.fromkeys(wanted.statuses)
    ]
    together = union_all(*pages)
    return together.order_by(together.selected_columns.key.desc()).limit(limit)


def _from_start(connection: Connection, wanted: ExecutionFilter) -> _Start:
    """A query that begins with a parent or a label."""
    rest = [
        # Computed, they are no index's: the database must not begin with one of them instead.
        (executions.c.status + 0).in_(wanted.statuses),
        *([] if wanted.workflow is None else [executions.c.workflow.concat("") == wanted.workflow]),
        *_in_time(wanted),
    ]
    if wanted.parent is not None:
        key: ColumnElement[int] = executions.c.key
        own = executions.c.parent == wanted.parent
        others = [_labelled(key, label) for label in wanted.labels.items()]
        return _Start(executions, key, [own, *_within(key, wanted), *others, *rest])
    (name, value), *further = _rarest_first(connection, wanted)
    key = labels.c.execution_key
    source = labels.join(executions, executions.c.key == key)
    own = (labels.c.name == name) & (labels.c.value == value)
    others = [_labelled(key, label) for label in further]
    return _Start(source, key, [own, *_within(key, wanted), *others, *rest])


def _labelled(key: ColumnElement[int], label: tuple[str, str]) -> ColumnElement[bool]:
    """Whether the execution of a key has a label."""
    other = labels.alias()
    name, value = label
    return exists(
        select(literal(1)).where(
            other.c.name == name, other.c.value == value, other.c.execution_key == key
        )
    )


def _rarest_first(connection: Connection, wanted: ExecutionFilter) -> list[tuple[str, str]]:
    """The labels of a filter, the one that the fewest executions have first."""
    every = list(wanted.labels.items())
    if len(every) == 1:
        return every
    numbers = [_number(name, value, wanted) for name, value in every]
    counted = connection.execute(select(*numbers)).one()
    order = sorted(range(len(every)), key=lambda index: (counted[index], index))
    return [every[index] for index in order]


def _number(name: str, value: str, wanted: ExecutionFilter) -> ColumnElement[int]:
    some = (
        select(literal(1))
        .select_from(labels)
        .where(labels.c.name == name, labels.c.value == value)
        .where(*_within(labels.c.execution_key, wanted))
        .limit(_COUNT_UP_TO)
        .subquery()
    )
    return select(func.count()).select_from(some).scalar_subquery()


def _bounded(wanted: ExecutionFilter, before_key: int | None) -> ExecutionFilter:
    """The filter for the page that ends before a key."""
    ends = [key for key in (wanted.end_key, before_key) if key is not None]
    return wanted.until(min(ends)) if ends else wanted


def _within(key: ColumnElement[int], wanted: ExecutionFilter) -> _Conditions:
    conditions: _Conditions = []
    if wanted.first_key is not None:
        conditions.append(key >= wanted.first_key)
    if wanted.end_key is not None:
        conditions.append(key < wanted.end_key)
    return conditions


def _of_workflow(wanted: ExecutionFilter) -> _Conditions:
    return [] if wanted.workflow is None else [executions.c.workflow == wanted.workflow]


def _in_time(wanted: ExecutionFilter) -> _Conditions:
    conditions: _Conditions = []
    if wanted.started_after is not None:
        conditions.append(executions.c.start_time >= wanted.started_after)
    if wanted.started_before is not None:
        conditions.append(executions.c.start_time < wanted.started_before)
    return conditions
