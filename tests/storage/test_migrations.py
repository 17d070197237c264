"""Databases are brought to the present schema, and none that is not ours is touched."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.schema import SchemaItem

from branchline.server.storage import Batch, CannotOpen, SchemaTooNew, Store
from branchline.server.storage.schema import metadata
from branchline.server.storage.upgrade import MIGRATIONS, REVISIONS
from tests.postgres import connect, new_database
from tests.storage.examples import content, execution

T = TypeVar("T")


def definitions(path: Path) -> set[tuple[str, str]]:
    """The SQL of every table and index of a SQLite file but Alembic's own."""
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE tbl_name != 'alembic_version' AND sql NOT NULL"
    ).fetchall()
    connection.close()
    return {(name, " ".join(sql.split())) for name, sql in rows}


def _differences(connection: Connection) -> list[object]:
    """What Alembic would still change, the indexes of other dialects aside."""
    dialect = connection.dialect.name

    def include(item: SchemaItem, *_: object) -> bool:
        wanted = getattr(item, "_ddl_if", None)
        return wanted is None or wanted.dialect == dialect

    context = MigrationContext.configure(connection, opts={"include_object": include})
    return list(compare_metadata(context, metadata))


async def in_database(url: str, work: Callable[[Connection], T]) -> T:
    """Do some work in a transaction of a connection that is not the store's."""
    if url.startswith("sqlite"):
        engine = create_engine(url)
        with engine.begin() as connection:
            found = work(connection)
        engine.dispose()
        return found
    remote = create_async_engine("postgresql+asyncpg://", async_creator=lambda: connect(url))
    async with remote.begin() as connection:
        found = await connection.run_sync(work)
    await remote.dispose()
    return found


async def test_the_migrations_lead_to_the_schema(store: Store, url: str) -> None:
    assert await in_database(url, _differences) == []


async def test_the_migrations_of_sqlite_make_what_the_schema_would_make(tmp_path: Path) -> None:
    """Down to what Alembic does not compare: partial indexes, tables without row ids."""
    await (await Store.open(f"sqlite:///{tmp_path / 'migrated.db'}")).close()
    engine = create_engine(f"sqlite:///{tmp_path / 'direct.db'}")
    metadata.create_all(engine)
    engine.dispose()
    assert definitions(tmp_path / "migrated.db") == definitions(tmp_path / "direct.db")


INDEXES = text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexdef")


async def test_the_migrations_of_postgresql_make_what_the_schema_would_make() -> None:
    """Down to what Alembic does not compare: partial indexes, the columns of keys."""

    def indexes(connection: Connection) -> list[str]:
        return [row for row in connection.execute(INDEXES).scalars() if "alembic" not in row]

    async with new_database() as migrated, new_database() as direct:
        await (await Store.open(migrated)).close()
        await in_database(direct, metadata.create_all)
        assert await in_database(migrated, indexes) == await in_database(direct, indexes)


def test_the_known_revisions_are_those_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(script.revision for script in scripts)[::-1] == REVISIONS


def statement(sql: str) -> Callable[[Connection], object]:
    """Something to be done in a database."""
    return lambda connection: connection.execute(text(sql))


async def test_a_database_of_the_first_revision_is_upgraded_with_all_that_it_has(url: str) -> None:
    store = await Store.open(url)
    await store.commit(Batch(started=[execution(1)]))
    await store.close()
    await in_database(url, statement("DROP TABLE cancellations"))
    await in_database(url, statement("UPDATE alembic_version SET version_num = '0001'"))
    store = await Store.open(url)
    assert [row.key for row in await store.executions_by_id(["exec_1"])] == [1]
    assert await store.cancellations("", 10) == []
    await store.close()
    assert await in_database(url, _differences) == []


async def test_a_newer_schema_is_refused_with_both_revisions(url: str) -> None:
    await (await Store.open(url)).close()
    await in_database(url, statement("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaTooNew, match=f"9999.*{REVISIONS[-1]}"):
        await Store.open(url)


async def test_a_database_of_another_program_is_refused_and_left_alone(url: str) -> None:
    await in_database(url, statement("CREATE TABLE photos (name TEXT)"))
    before = await in_database(url, tables)
    with pytest.raises(CannotOpen, match=r"another program.*photos"):
        await Store.open(url)
    assert await in_database(url, tables) == before == {"photos"}


def tables(connection: Connection) -> set[str]:
    """The names of all tables."""
    return set(inspect(connection).get_table_names())


async def test_a_refused_file_is_the_same_as_before(path: Path) -> None:
    await in_database(f"sqlite:///{path}", statement("CREATE TABLE photos (name TEXT)"))
    before = content(path)
    with pytest.raises(CannotOpen, match="another program"):
        await Store.open(f"sqlite:///{path}")
    assert content(path) == before


@pytest.fixture
def empty(path: Path) -> None:
    """The file is there, and empty: all that a first start leaves that was cut off."""
    path.touch()


@pytest.mark.usefixtures("empty")
async def test_an_upgrade_that_was_cut_off_is_done_again(path: Path) -> None:
    store = await Store.open(f"sqlite:///{path}")
    assert await store.next_due() is None
    await store.close()


async def test_every_database_has_an_id_of_its_own(tmp_path: Path) -> None:
    stores = [await Store.open(f"sqlite:///{tmp_path / name}") for name in ("a.db", "b.db")]
    first, second = [store.database_id for store in stores]
    for store in stores:
        await store.close()
    assert first
    assert first != second


async def test_a_path_may_hold_any_characters(tmp_path: Path) -> None:
    folder = tmp_path / "100 % ü"
    folder.mkdir()
    await (await Store.open(f"sqlite:///{folder / 'x.db'}")).close()
    assert (folder / "x.db").is_file()


async def test_an_up_to_date_database_opens_without_alembic(url: str) -> None:
    """Its import would be most of the time that a start takes."""
    await (await Store.open(url)).close()
    program = (
        "import asyncio, sys\n"
        "from branchline.server.storage import Store\n"
        f"store = asyncio.run(Store.open({url!r}))\n"
        "sys.exit('alembic' in sys.modules)\n"
    )
    opened = subprocess.run([sys.executable, "-c", program], check=False)  # noqa: ASYNC221
    assert opened.returncode == 0
