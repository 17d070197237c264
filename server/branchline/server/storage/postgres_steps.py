"""A function of PostgreSQL that is written from steps, each a statement over many rows.

The rows come as arrays, one a column. All of it is made of the names of our own tables and
columns, never of values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Column, Dialect, Table
from sqlalchemy.dialects import postgresql

Row = tuple[Any, ...]

_DIALECT: Final[Dialect] = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's


class Step:
    """A statement of the function; without rows it is left out."""

    def __init__(
        self, columns: Mapping[str, str], statement: str, *, otherwise: str | None = None
    ) -> None:
        """Give the statement's columns with their types, and the statement.

        In the statement ``{rows}`` stands for its rows, by the name ``v``. ``otherwise`` is the
        SQLSTATE that is raised when another number of rows was written or found.
        """
        self.columns = columns
        self.statement = statement
        self.otherwise = otherwise

    def written(self, first: int) -> str:
        """The statement with its arrays as parameters from a number on."""
        arrays = ", ".join(f"${first + place}" for place in range(len(self.columns)))
        rows = f"unnest({arrays}) AS v({', '.join(self.columns)})"
        check = ""
        if self.otherwise is not None:
            check = (
                f"GET DIAGNOSTICS n = ROW_COUNT; IF n <> cardinality(${first}) THEN"
                f" RAISE 'not as it was' USING ERRCODE = '{self.otherwise}'; END IF;"
            )
        return f"IF ${first} IS NOT NULL THEN {self.statement.format(rows=rows)}; {check} END IF;"

    def arguments(self, rows: Sequence[Row]) -> Iterable[list[Any] | None]:
        """The arrays of some rows."""
        return map(list, zip(*rows, strict=True)) if rows else [None] * len(self.columns)


def types_of(table: Table, names: Sequence[str] = ()) -> dict[str, str]:
    """Columns of a table, by default all, with their types."""
    return {name: _type(table.c[name]) for name in names or table.c.keys()}


def _type(column: Column[Any]) -> str:
    return column.type.compile(_DIALECT).partition(" COLLATE")[0]


def insert(table: Table, *, rest: str = "", otherwise: str | None = None) -> Step:
    """Add rows."""
    columns = types_of(table)
    listed = ", ".join(columns)
    statement = f"INSERT INTO {table.name} ({listed}) SELECT {listed} FROM {{rows}}{rest}"
    return Step(columns, statement, otherwise=otherwise)


def replace(table: Table) -> Step:
    """Add rows, or put them in the place of those with the same key."""
    key = ", ".join(column.name for column in table.primary_key)
    rest = [column.name for column in table.c if column not in list(table.primary_key)]
    changes = ", ".join(f"{name} = excluded.{name}" for name in rest)
    return insert(table, rest=f" ON CONFLICT ({key}) DO UPDATE SET {changes}")


def update(table: Table, *names: str, also: str = "", otherwise: str | None = None) -> Step:
    """Change rows, found by their key, which is among the columns."""
    key = [column.name for column in table.primary_key]
    changes = ", ".join(f"{name} = v.{name}" for name in names if name not in key)
    statement = f"UPDATE {table.name} AS t SET {changes}{also} FROM {{rows}} WHERE {_same(key)}"
    return Step(types_of(table, names), statement, otherwise=otherwise)


def delete(table: Table, *names: str, rest: str = "", otherwise: str | None = None) -> Step:
    """Remove the rows that have certain values."""
    statement = f"DELETE FROM {table.name} AS t USING {{rows}} WHERE {_same(names)}{rest}"
    return Step(types_of(table, names), statement, otherwise=otherwise)


def _same(names: Iterable[str]) -> str:
    return " AND ".join(f"t.{name} = v.{name}" for name in names)
