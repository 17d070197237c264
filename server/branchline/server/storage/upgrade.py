"""Brings a database to the present schema, and refuses one that this program can't know."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert, inspect, select, text

from branchline.server.storage.errors import CannotOpen, SchemaTooNew
from branchline.server.storage.schema import meta

MIGRATIONS: Final = Path(__file__).parent / "migrations"
REVISIONS: Final = ("0001", "0002")
"""All schema revisions, oldest first. Kept here so that a database which is up to date opens
without Alembic, whose import takes longer than everything else."""


def revision(connection: Connection, place: str) -> str | None:
    """The revision of a database's schema, None of an empty database.

    Raises SchemaTooNew when this program does not know it, and CannotOpen when there are tables,
    but not Branchline's.
    """
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    found = None
    if "alembic_version" in tables:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is None:
        raise CannotOpen(
            f"The database {place} belongs to another program: it holds"
            f" the table {tables[0]!r} and no schema revision. Name one of Branchline's own."
        )
    if found not in REVISIONS:
        raise SchemaTooNew(
            f"The database {place} has the schema revision {found}, and"
            f" this program knows revisions up to {REVISIONS[-1]}. Upgrade Branchline, or restore"
            " a backup that was made before the upgrade."
        )
    return str(found)


def upgrade(connection: Connection) -> str:
    """Upgrade the schema in the connection's transaction; gives the database's own id."""
    # Seldom needed, and slow to import.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    # The configuration would read a percent sign in the path as the start of a variable.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if connection.execute(select(meta.c.database_id)).first() is None:
        connection.execute(insert(meta).values(database_id=str(uuid.uuid4())))
    return database_id(connection)


def database_id(connection: Connection) -> str:
    """The id that the database got when it was made."""
    return str(connection.execute(select(meta.c.database_id)).scalar_one())
