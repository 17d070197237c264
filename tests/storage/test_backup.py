"""A backup is the database as of one moment, made while others write, or it is not there."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from branchline.client.cli import main
from branchline.server.storage import (
    Batch,
    CannotCopy,
    CannotOpen,
    ExecutionFilter,
    Store,
    UnsupportedDatabase,
    back_up,
)
from tests.storage.examples import ANY, content, execution, transition

PADDING = '["' + "x" * 4_000 + '"]'


async def fill(store: Store, keys: range) -> None:
    """Store executions with a page of history each."""
    await store.commit(
        Batch(
            started=[execution(key) for key in keys],
            history=[transition(key, 1, 1, PADDING) for key in keys],
        )
    )


async def keys(url: str) -> set[int]:
    """The executions of a database that have their history."""
    store = await Store.open(url)
    try:
        found = await store.list_executions(ExecutionFilter(statuses=ANY), limit=100_000)
        histories = await store.histories([row.key for row in found])
        return {key for key, rows in histories.items() if rows}
    finally:
        await store.close()


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    store = await Store.open(url)
    yield store
    await store.close()


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "backup.db"


def put(path: Path) -> None:
    """Make a file that somebody needs."""
    path.write_text("precious")


def left(folder: Path) -> set[str]:
    """The files of a folder that are no database's in use."""
    return {path.name for path in folder.iterdir() if "branchline.db" not in path.name}


async def test_what_is_committed_while_the_copy_is_made_is_not_in_it_and_does_not_wait(
    store: Store, url: str, to: Path
) -> None:
    """The writer commits between any two parts of the copy."""
    await fill(store, range(5_000))
    loop = asyncio.get_running_loop()
    later = iter(range(5_000, 10_000))
    steps: list[tuple[int, int]] = []

    def commit_another(done: int, total: int) -> None:
        steps.append((done, total))
        key = next(later)
        commit = fill(store, range(key, key + 1))
        asyncio.run_coroutine_threadsafe(commit, loop).result(timeout=20)

    backup = await asyncio.to_thread(back_up, url, to, commit_another)
    assert len(steps) > 1
    assert len({total for _, total in steps}) == 1
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]
    assert (backup.path, backup.database_id) == (to, store.database_id)
    assert await keys(f"sqlite:///{to}") == set(range(5_000))
    assert await store.executions_by_key([5_000 + len(steps) - 1])


async def test_what_lies_only_in_the_log_is_in_the_backup(store: Store, url: str, to: Path) -> None:
    await fill(store, range(3))
    await asyncio.to_thread(back_up, url, to)
    assert await keys(f"sqlite:///{to}") == {0, 1, 2}


async def test_a_database_that_nobody_uses_is_backed_up_too(url: str, to: Path) -> None:
    store = await Store.open(url)
    await fill(store, range(3))
    await store.close()
    await asyncio.to_thread(back_up, url, to)
    assert await keys(f"sqlite:///{to}") == {0, 1, 2}


async def test_the_backup_is_one_file_with_the_same_id(store: Store, url: str, to: Path) -> None:
    await fill(store, range(3))
    await asyncio.to_thread(back_up, url, to)
    assert left(to.parent) == {"backup.db"}
    restored = await Store.open(f"sqlite:///{to}")
    assert restored.database_id == store.database_id
    await restored.close()


async def test_nothing_is_overwritten(store: Store, url: str, to: Path) -> None:
    put(to)
    with pytest.raises(CannotCopy, match=f"{to} is there already. Name a new one"):
        back_up(url, to)
    assert content(to) == b"precious"


async def test_a_file_that_appears_meanwhile_is_not_overwritten(
    store: Store, url: str, to: Path
) -> None:
    with pytest.raises(CannotCopy, match="is there already"):
        back_up(url, to, lambda *_: put(to))
    assert content(to) == b"precious"
    assert left(to.parent) == {"backup.db"}


async def test_a_backup_that_is_broken_off_leaves_nothing(store: Store, url: str, to: Path) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(url, to, interrupt)
    assert left(to.parent) == set()
    back_up(url, to)
    assert left(to.parent) == {"backup.db"}


async def test_the_rest_of_a_killed_backup_is_named(store: Store, url: str, to: Path) -> None:
    rest = to.with_name("backup.db.partial")
    rest.touch()
    with pytest.raises(CannotCopy, match=f"{rest} of another backup is there. Remove it"):
        back_up(url, to)
    assert left(to.parent) == {"backup.db.partial"}


async def test_a_damaged_database_has_no_backup(url: str, path: Path, to: Path) -> None:
    store = await Store.open(url)
    await fill(store, range(2_000))
    await store.close()
    # The index is not what the table says any more.
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_master WHERE name = 'ix_executions_status'")
        connection.commit()
    with pytest.raises(CannotCopy, match="The copy is not sound"):
        back_up(url, to)
    assert left(to.parent) == set()


def test_what_is_no_database_of_ours_is_refused(tmp_path: Path, path: Path, to: Path) -> None:
    with pytest.raises(CannotCopy, match="There is no database"):
        back_up(f"sqlite:///{path}", to)
    path.touch()
    with pytest.raises(CannotCopy, match="is empty: no server has used it yet"):
        back_up(f"sqlite:///{path}", to)
    path.write_text("Dear friend, all is well.\n" * 100)
    with pytest.raises(CannotOpen, match="is not a SQLite database"):
        back_up(f"sqlite:///{path}", to)
    with pytest.raises(CannotCopy, match="pg_dump"):
        back_up("postgresql://localhost/branchline", to)
    with pytest.raises(UnsupportedDatabase):
        back_up("mysql://localhost/branchline", to)
    assert left(tmp_path) == set()


def test_a_folder_that_is_not_there_is_named(url: str, path: Path, tmp_path: Path) -> None:
    asyncio.run(keys(url))
    with pytest.raises(CannotCopy, match=r"nowhere/backup.db.partial can't be written: No such"):
        back_up(url, tmp_path / "nowhere" / "backup.db")


def test_the_command_tells_what_it_made(
    url: str, to: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(keys(url))
    assert main(["backup", "--database", url, "--to", str(to)]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"{to}: 0.")
    assert told.err.endswith("MiB, checked\n")
    assert main(["backup", "--database", url, "--to", str(to)]) == 1
    assert capsys.readouterr().err.startswith(f"branchline backup: The file {to} is there already")


def test_the_command_takes_the_database_of_the_servers_environment(
    url: str, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(keys(url))
    monkeypatch.setenv("BRANCHLINE_DATABASE_URL", url)
    assert main(["backup", "--to", str(to)]) == 0
    assert to.is_file()
