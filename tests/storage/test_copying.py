"""A database moves into another, of the same or the other kind, whole or not at all."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import asyncpg
import pytest

from branchline.client.cli import main
from branchline.server.storage import (
    Batch,
    Cancellation,
    CannotCopy,
    CopyStep,
    DatabaseInUse,
    ExecutionFilter,
    Store,
    copy_database,
)
from branchline.server.storage.rows import StatusChange, TaskLease
from tests.postgres import new_database
from tests.storage.examples import ANY, NOW, execution, snapshot, task, transition

KEYS = range(1, 451)
ALL = ExecutionFilter(statuses=ANY)
Content = dict[str, object]


def ignore(_: CopyStep) -> None:
    """Nobody looks on."""


def names(folder: Path, pattern: str) -> set[str]:
    """The files in a folder."""
    return {path.name for path in folder.glob(pattern)}


async def fill(url: str) -> None:
    """Rows in every table, more than are copied at once, with all kinds of values."""
    store = await Store.open(url)
    await store.add_workflow("order", "hash", '{"ü": "\\u0000"}', NOW)
    await store.commit(
        Batch(
            started=[
                execution(key, labels={"colour": "rot", "Ä": "ö"}, request_id=f"r{key}")
                for key in KEYS
            ],
            history=[transition(key, 1, 2, '["🙂", 1.5, 9007199254740993]') for key in KEYS],
            snapshots=[snapshot(key, 2) for key in KEYS],
            tasks_added=[task(key) for key in KEYS],
            tasks_leased=[TaskLease(key, 1, "worker", 2, NOW) for key in KEYS[:7]],
            cancellations_added=[Cancellation(f"exec_{key}", "why") for key in KEYS],
            status_changes=[StatusChange(key, 1) for key in KEYS],
            time=NOW,
        )
    )
    await store.close()


async def everything(url: str) -> Content:
    """All that a store tells."""
    store = await Store.open(url)
    try:
        return {
            "id": store.database_id,
            "workflows": await store.workflows("", 10),
            "executions": await store.list_executions(ALL, limit=1_000),
            "labelled": await store.count_executions(
                ExecutionFilter(statuses=ANY, labels={"Ä": "ö"})
            ),
            "histories": await store.histories(KEYS),
            "snapshots": await store.snapshots(KEYS),
            "running": await store.running_tasks(),
            "tasks": [await store.tasks_of(key) for key in KEYS],
            "cancellations": await store.cancellations("", 1_000),
            "changes": await store.status_changes(1, 10, 1_000_000),
        }
    finally:
        await store.close()


@pytest.fixture
async def postgres() -> AsyncIterator[str]:
    async with new_database() as url:
        yield url


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/branchline.db"


@pytest.fixture(params=["sqlite", "postgresql"])
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of another database, which is not there or empty."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            yield f"sqlite:///{tmp_path}/target.db"
        else:
            yield await stack.enter_async_context(new_database())


async def test_everything_moves_there_and_back(sqlite: str, target: str, tmp_path: Path) -> None:
    await fill(sqlite)
    original = await everything(sqlite)
    copied = await copy_database(sqlite, target, ignore)
    assert await everything(target) == original
    back = f"sqlite:///{tmp_path}/back.db"
    assert await copy_database(target, back, ignore) == copied
    assert await everything(back) == original
    assert copied.database_id == original["id"]
    assert copied.rows["history"] == copied.rows["tasks"] == len(KEYS)
    assert all(copied.rows.values()), "a table was not filled"


async def test_the_copy_takes_part_in_life(sqlite: str, target: str) -> None:
    """New rows go beside the copied ones, positions go on."""
    await fill(sqlite)
    await copy_database(sqlite, target, ignore)
    store = await Store.open(target)
    await store.commit(Batch(started=[execution(900)], status_changes=[StatusChange(900, 1)]))
    assert (await store.status_changes(1, 10, 1_000_000)).head == 3
    assert await store.add_workflow("order", "other", "{}") == (2, True)
    await store.close()


async def test_progress_covers_every_row_of_both_sides(sqlite: str, target: str) -> None:
    await fill(sqlite)
    steps: list[CopyStep] = []
    await copy_database(sqlite, target, steps.append)
    for checking in (False, True):
        history = [s for s in steps if s.table == "history" and s.checking is checking]
        assert [step.done for step in history] == [200, 400, 450]
        assert {step.total for step in history} == {450}


async def test_an_empty_store_is_as_good_as_none(sqlite: str, target: str) -> None:
    await fill(sqlite)
    await (await Store.open(target)).close()
    await copy_database(sqlite, target, ignore)
    assert await everything(target) == await everything(sqlite)


async def test_a_database_that_holds_anything_is_left_alone(sqlite: str, target: str) -> None:
    await fill(sqlite)
    store = await Store.open(target)
    await store.add_workflow("mine", "hash", "{}", NOW)
    await store.close()
    before = await everything(target)
    with pytest.raises(CannotCopy, match=r"not empty: the table workflows has rows\."):
        await copy_database(sqlite, target, ignore)
    assert await everything(target) == before


async def test_a_copy_that_is_broken_off_leaves_nothing(sqlite: str, target: str) -> None:
    """At whichever step: here in the middle of the last table, and before the last comparison."""
    await fill(sqlite)
    for table, checking in (("workflows", False), ("workflows", True)):

        def interrupt(step: CopyStep, wanted: tuple[str, bool] = (table, checking)) -> None:
            if (step.table, step.checking) == wanted:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await copy_database(sqlite, target, interrupt)
    store = await Store.open(target)
    assert await store.count_executions(ALL) == {}
    assert await store.workflows("", 10) == []
    await store.close()
    await copy_database(sqlite, target, ignore)
    assert await everything(target) == await everything(sqlite)


async def test_a_broken_off_copy_takes_its_new_file_along(sqlite: str, tmp_path: Path) -> None:
    def interrupt(_: CopyStep) -> None:
        raise KeyboardInterrupt

    await fill(sqlite)
    with pytest.raises(KeyboardInterrupt):
        await copy_database(sqlite, f"sqlite:///{tmp_path}/new.db", interrupt)
    assert names(tmp_path, "new.db*") == {"new.db.lock"}


async def test_a_row_that_comes_out_different_stops_the_copy(sqlite: str, tmp_path: Path) -> None:
    await fill(sqlite)
    target = tmp_path / "target.db"
    await (await Store.open(f"sqlite:///{target}")).close()
    with closing(sqlite3.connect(target)) as connection:
        connection.executescript(
            "CREATE TRIGGER garbling AFTER INSERT ON snapshots WHEN NEW.execution_key = 77"
            " BEGIN UPDATE snapshots SET state = 'x' WHERE execution_key = 77; END"
        )
    with pytest.raises(CannotCopy, match="snapshots has come out different: 450 rows became 450"):
        await copy_database(sqlite, f"sqlite:///{target}", ignore)
    store = await Store.open(f"sqlite:///{target}")
    assert await store.count_executions(ALL) == {}
    await store.close()


async def test_what_postgresql_cannot_hold_is_named(sqlite: str, postgres: str) -> None:
    await fill(sqlite)
    with closing(sqlite3.connect(sqlite.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE snapshots SET state = 'a' || char(0) WHERE execution_key = 1")
        connection.commit()
    with pytest.raises(CannotCopy, match=r"snapshots, from \(1,\) on, can't be stored"):
        await copy_database(sqlite, postgres, ignore)


async def test_a_server_on_either_side_is_in_the_way(sqlite: str, target: str) -> None:
    await fill(sqlite)
    await (await Store.open(target)).close()
    for used in (sqlite, target):
        store = await Store.open(used)
        await store.next_due()
        for source, to in ((sqlite, target), (target, sqlite)):
            with pytest.raises(DatabaseInUse, match=r"in use by|A server uses"):
                await copy_database(source, to, ignore)
        await store.close()


async def test_another_writer_is_in_the_way(sqlite: str, postgres: str) -> None:
    await fill(sqlite)
    await (await Store.open(postgres)).close()
    connection = await asyncpg.connect(postgres)
    async with connection.transaction():
        await connection.execute("DELETE FROM labels")
        with pytest.raises(DatabaseInUse, match="Another program writes"):
            await copy_database(sqlite, postgres, ignore)
    await connection.close()


async def test_nobody_writes_while_postgresql_is_read(postgres: str, sqlite: str) -> None:
    await fill(postgres)
    connection = await asyncpg.connect(postgres)
    await connection.execute("SET lock_timeout = 1")
    writes: list[asyncio.Task[str]] = []

    def write(_: CopyStep) -> None:
        if not writes:
            writes.append(asyncio.create_task(connection.execute("DELETE FROM labels")))

    await copy_database(postgres, sqlite, write)
    with pytest.raises(asyncpg.LockNotAvailableError):
        await writes[0]
    await connection.close()


async def test_a_database_is_not_copied_into_itself(sqlite: str, tmp_path: Path) -> None:
    await fill(sqlite)
    (tmp_path / "link.db").symlink_to(tmp_path / "branchline.db")
    with pytest.raises(CannotCopy, match="the same database"):
        await copy_database(sqlite, f"sqlite:///{tmp_path}/link.db", ignore)


async def test_there_must_be_something_to_copy(sqlite: str, target: str, tmp_path: Path) -> None:
    with pytest.raises(CannotCopy, match="There is no database"):
        await copy_database(sqlite, target, ignore)
    (tmp_path / "branchline.db").touch()
    with pytest.raises(CannotCopy, match="is empty"):
        await copy_database(sqlite, target, ignore)


def test_the_command_tells_what_it_copied(
    sqlite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(fill(sqlite))
    target = f"sqlite:///{tmp_path}/target.db"
    assert main(["copy", "--from", sqlite, "--to", target]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("copied and compared, in rows: cancellations 450, executions 450, ")
    assert main(["copy", "--from", sqlite, "--to", target]) == 1
    assert "branchline copy: The database" in capsys.readouterr().err
