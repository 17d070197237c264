"""The hot path of SQLite: stores a batch with as few statements as possible.

A statement takes many rows at once. That is not for SQLite's sake, which is as fast row by row,
but for Python's: its sqlite3 module lets go of the interpreter lock around every step of a
statement, and while the server's loop is busy it takes milliseconds to get the lock back. With a
step per row a busy server is several times slower to store a batch of 100 rows.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import (
    CTE,
    Column,
    Dialect,
    Select,
    Table,
    UpdateBase,
    bindparam,
    column,
    delete,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
    values,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from branchline.server.storage.reads import TASK_FIELDS
from branchline.server.storage.rows import Batch
from branchline.server.storage.schema import (
    cancellations,
    executions,
    history,
    labels,
    snapshots,
    status_changes,
    tasks,
)
from branchline.server.storage.status_changes import BEFORE_THE_FIRST, encode_changes

Row = tuple[Any, ...]
Columns = Sequence[Column[Any]]


def commit(connection: sqlite3.Connection, batch: Batch) -> None:
    """Store a batch in one transaction, or nothing of it."""
    if connection.in_transaction:
        # The rollback of an earlier transaction failed, as on a broken disk.
        connection.rollback()
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement, rows in _parts(connection, batch):
            statement.run(connection, rows)
        if batch.status_changes:
            _append_status_changes(connection, batch)
        connection.execute("COMMIT")
    except BaseException:
        # After some errors SQLite has rolled back by itself.
        with contextlib.suppress(sqlite3.Error):
            connection.rollback()
        raise


_DIALECT: Final[Dialect] = SQLiteDialect_pysqlite()


class _Statement:
    """A statement that takes many rows at once, compiled once for each of a few row counts."""

    # Powers of two, so that n rows need no more than log2(n) steps.
    MOST_ROWS: Final = 128

    def __init__(
        self,
        build: Callable[[Table, Columns, int], UpdateBase | Select[Any]],
        table: Table,
        *names: str,
    ) -> None:
        self._build = build
        self._table = table
        self._columns: Columns = [table.c[name] for name in names] or list(table.c)
        self._sql: dict[int, str] = {}

    def run(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
        """Run it for all rows."""
        for sql, parameters in self._steps(rows):
            connection.execute(sql, parameters)

    def read(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> list[Row]:
        """What it finds for all rows."""
        steps = self._steps(rows)
        return [found for sql, parameters in steps for found in connection.execute(sql, parameters)]

    def _steps(self, rows: Sequence[Row]) -> Iterator[tuple[str, list[Any]]]:
        done = 0
        while left := len(rows) - done:
            count = min(self.MOST_ROWS, 1 << (left.bit_length() - 1))
            sql = self._sql.get(count) or self._compile(count)
            yield sql, list(chain.from_iterable(rows[done : done + count]))
            done += count

    def _compile(self, count: int) -> str:
        statement = self._build(self._table, self._columns, count)
        sql = self._sql[count] = _compiled(statement, self._columns, count)
        return sql


def _compiled(statement: UpdateBase | Select[Any], columns: Columns, count: int) -> str:
    compiled = statement.compile(dialect=_DIALECT)
    expected = [_name(column, row) for row in range(count) for column in columns]
    if compiled.positiontup != expected:
        raise AssertionError(f"parameters in an unexpected order: {compiled}")
    return str(compiled)


def _name(column: Column[Any], row: int) -> str:
    return f"{column.name}_{row}"


def _parameters(columns: Columns, row: int) -> dict[str, Any]:
    return {each.name: bindparam(_name(each, row), type_=each.type) for each in columns}


def _rows(columns: Columns, count: int) -> CTE:
    data = [tuple(_parameters(columns, row).values()) for row in range(count)]
    return values(*(column(each.name, each.type) for each in columns), name="v").data(data).cte()


def _insert(table: Table, columns: Columns, count: int) -> UpdateBase:
    return insert(table).values([_parameters(columns, row) for row in range(count)])


def _replace(table: Table, columns: Columns, count: int) -> UpdateBase:
    new = sqlite.insert(table).values([_parameters(columns, row) for row in range(count)])
    key = list(table.primary_key)
    rest = {each.name: new.excluded[each.name] for each in columns if each not in key}
    return new.on_conflict_do_update(index_elements=key, set_=rest)


def _update(table: Table, columns: Columns, count: int) -> UpdateBase:
    rows, key = _rows(columns, count), list(table.primary_key)
    same = [each == rows.c[each.name] for each in key]
    changes = {each.name: rows.c[each.name] for each in columns if each not in key}
    return update(table).where(*same).values(changes)


def _delete(table: Table, columns: Columns, count: int) -> UpdateBase:
    # Directly in VALUES, SQLite would read the whole table.
    rows = _rows(columns, count)
    return delete(table).where(tuple_(*columns).in_(select(*rows.c)))


def _labels(table: Table, columns: Columns, count: int) -> Select[Any]:
    rows = _rows(columns, count)
    wanted = select(rows.c.key)
    query = select(table.c.key, table.c.labels)
    return query.where(table.c.key.in_(wanted), table.c.labels.is_not(None))


_START: Final = _Statement(_insert, executions)
_LABEL: Final = _Statement(_insert, labels)
_CHANGE: Final = _Statement(
    _update, executions, "key", "status", "close_time", "wake_at", "error", "outputs"
)
_APPEND: Final = _Statement(_insert, history)
_SNAPSHOT: Final = _Statement(_replace, snapshots)
_ADD_TASK: Final = _Statement(_insert, tasks, *(column.name for column in TASK_FIELDS))
_LEASE_TASK: Final = _Statement(
    _update, tasks, "execution_key", "task", "worker", "delivery", "started_at", "losses"
)
_CHANGE_TASK: Final = _Statement(_update, tasks, "execution_key", "task", "payload")
_REMOVE_TASK: Final = _Statement(_delete, tasks, "execution_key", "task")
# There is one writer: positions become visible in the order in which they are given.
_NEXT_POSITION: Final = select(
    func.coalesce(func.max(status_changes.c.position), literal_column(str(BEFORE_THE_FIRST)))
    + literal_column("1")
).scalar_subquery()
_CHANGE_STATUSES: Final = str(
    insert(status_changes)
    .values(position=_NEXT_POSITION, time=bindparam("at"), changes=bindparam("text"))
    .inline()
    .compile(dialect=_DIALECT)
)
_LABELS: Final = _Statement(_labels, executions, "key")
_REMOVE_LABEL: Final = _Statement(_delete, labels)
_DELETE: Final = (
    _Statement(_delete, executions, "key"),
    *(_Statement(_delete, table, "execution_key") for table in (history, snapshots, tasks)),
)
_POSTPONE: Final = _Statement(_replace, cancellations)
_POSTPONE_NO_MORE: Final = _Statement(_delete, cancellations, "execution")


def _parts(
    connection: sqlite3.Connection, batch: Batch
) -> Iterator[tuple[_Statement, Sequence[Row]]]:
    """The statements that a batch needs, and their rows, whose fields are in columns' order."""
    yield _START, batch.started
    yield _LABEL, _label_rows((row.key, row.labels) for row in batch.started if row.labels)
    yield _CHANGE, _last((change.key, change) for change in batch.changed)
    yield _APPEND, batch.history
    yield _SNAPSHOT, batch.snapshots
    yield _ADD_TASK, batch.tasks_added
    yield _LEASE_TASK, _last(((lease.key, lease.task), lease) for lease in batch.tasks_leased)
    yield _CHANGE_TASK, _last(((row.key, row.task), row) for row in batch.tasks_changed)
    yield _REMOVE_TASK, batch.tasks_removed
    deleted = [(key,) for key in batch.deleted]
    # Their index begins with the name: only the execution tells which labels are its own.
    yield _REMOVE_LABEL, _label_rows(_LABELS.read(connection, deleted))
    for statement in _DELETE:
        yield statement, deleted
    yield _POSTPONE, _last((row.execution_id, row) for row in batch.cancellations_added)
    yield _POSTPONE_NO_MORE, [(execution_id,) for execution_id in batch.cancellations_removed]


def _label_rows(labelled: Iterable[Row]) -> list[Row]:
    """The rows of labels of executions, given by key and labels."""
    return [
        (name, value, key) for key, text in labelled for name, value in json.loads(text).items()
    ]


def _append_status_changes(connection: sqlite3.Connection, batch: Batch) -> None:
    connection.execute(_CHANGE_STATUSES, (batch.time, encode_changes(batch.status_changes)))


def _last(rows: Iterable[tuple[object, Row]]) -> Sequence[Row]:
    # An update takes its rows in no defined order, so of two for the same thing one must go.
    return list(dict(rows).values())
