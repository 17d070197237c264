"""What SQLite files need beyond the rest: settings, errors, plans."""

from __future__ import annotations

import asyncio
import os
import resource
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from branchline.server.storage import (
    Batch,
    CannotOpen,
    SqliteOptions,
    StatusChange,
    Store,
    StoreUnavailable,
    UnsupportedDatabase,
    sqlite_commit,
)
from branchline.server.storage.sqlite_connection import checkpoint, connect, driver_connection
from branchline.server.storage.thread import DatabaseThread
from tests.storage.examples import NOW, RUNNING, SUSPENDED, content, execution, size, transition


@pytest.fixture
def url(path: Path) -> str:
    """SQLite alone."""
    return f"sqlite:///{path}"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true"])
async def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(UnsupportedDatabase, match="memory"):
        await Store.open(url)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://localhost/branchline",
        "sqlite+aiosqlite:///x.db",
        "no url",
        "sqlite:///x.db?mode=ro",
        "sqlite://host/x.db",
    ],
)
async def test_an_unsupported_url_is_refused_with_the_form_that_is(url: str) -> None:
    with pytest.raises(UnsupportedDatabase, match=r"sqlite:///relative\.db"):
        await Store.open(url)


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotOpen, match=f"{tmp_path}/missing"):
        await Store.open(f"sqlite:///{tmp_path}/missing/x.db")


async def test_a_directory_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(CannotOpen, match="directory"):
        await Store.open(f"sqlite:///{tmp_path}")


async def test_a_file_that_is_no_database_is_refused_and_left_alone(
    url: str, path: Path, letter: bytes
) -> None:
    with pytest.raises(CannotOpen, match="not a SQLite database"):
        await Store.open(url)
    assert content(path) == letter


async def test_a_folder_that_cannot_be_written_is_named() -> None:
    with pytest.raises(CannotOpen, match=r"/proc/x\.db\.lock"):
        await Store.open("sqlite:////proc/x.db")


@pytest.fixture
async def read_only(url: str, path: Path) -> None:
    """A good database that may not be written."""
    await (await Store.open(url)).close()
    os.chmod(path, 0o444)  # noqa: PTH101 - a test may wait for a disk


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may write to everything")
@pytest.mark.usefixtures("read_only")
async def test_a_read_only_file_is_named(url: str, path: Path) -> None:
    with pytest.raises(CannotOpen, match=f"{path} is read-only"):
        await Store.open(url)


@pytest.mark.usefixtures("letter")
async def test_a_refused_file_leaves_no_lock_behind(url: str) -> None:
    for _ in range(2):
        with pytest.raises(CannotOpen, match="not a SQLite database"):
            await Store.open(url)


async def test_a_relative_path_is_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await (await Store.open("sqlite:///here.db")).close()
    assert (tmp_path / "here.db").is_file()


@pytest.mark.parametrize(("synchronous", "number"), [("FULL", 2), ("NORMAL", 1)])
def test_connections_are_as_safe_as_asked_for(path: Path, synchronous: str, number: int) -> None:
    options = SqliteOptions(synchronous=synchronous)  # type: ignore[arg-type]  # one of the two
    connection = connect(path, options)
    row = driver_connection(connection).execute("PRAGMA synchronous").fetchone()
    connection.close()
    assert row == (number,)
    assert SqliteOptions().synchronous == "FULL"


async def test_reads_do_not_wait_for_a_commit(url: str, path: Path) -> None:
    store = await Store.open(url)
    await store.commit(Batch(started=[execution(1)]))
    with locked(path) as release:
        commit = asyncio.create_task(store.commit(Batch(started=[execution(2)])))
        await asyncio.sleep(0)
        assert await store.executions_by_key([1, 2]) == [execution(1)]
        assert not commit.done()
        release()
        await commit
    await store.close()


@contextmanager
def locked(path: Path) -> Iterator[Callable[[], None]]:
    """Another program that writes; gives the function that ends its transaction."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection.rollback
    finally:
        connection.close()


async def test_a_locked_file_is_unavailable_for_as_long_as_it_is(url: str, path: Path) -> None:
    store = await Store.open(url, sqlite=SqliteOptions(busy_timeout=0.01))
    with locked(path), pytest.raises(StoreUnavailable, match="locked"):
        await store.commit(Batch(started=[execution(1)]))
    with locked(path), pytest.raises(StoreUnavailable, match="locked"):
        await store.add_workflow("order", "a", "{}")
    await store.commit(Batch(started=[execution(1)]))
    assert await store.add_workflow("order", "a", "{}") == (1, True)
    assert await store.executions_by_key([1]) == [execution(1)]
    await store.close()


async def test_a_full_disk_stores_nothing_and_is_survived(url: str, path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    store = await Store.open(url)
    await store.commit(Batch(started=[execution(1)]))
    log = path.with_name(path.name + "-wal")
    big = Batch(
        started=[execution(2)],
        history=[transition(2, first, first, "x" * 10_000) for first in range(1, 50)],
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size(log) + 50_000, hard))
    try:
        with pytest.raises(StoreUnavailable):
            await store.commit(big)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert await store.executions_by_key([1, 2]) == [execution(1)]
    await store.commit(big)
    assert len(await store.history(2, 0, 100)) == 49
    await store.close()


@pytest.mark.usefixtures("store")
def test_a_checkpoint_empties_the_log(path: Path) -> None:
    """Beside a server's own connections."""
    options = SqliteOptions()
    connection = connect(path, options)
    rows = [transition(1, first, first) for first in range(1, 500)]
    sqlite_commit.commit(driver_connection(connection), Batch(history=rows))
    log = path.with_name(path.name + "-wal")
    before = size(log)
    checkpoint(connection, options)
    assert (before > 0, size(log)) == (True, 0)
    [(timeout,)] = driver_connection(connection).execute("PRAGMA busy_timeout")
    assert timeout == options.busy_timeout * 1000
    connection.close()


async def test_a_log_can_have_its_size_from_the_start_and_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "branchline.db"
    log = path.with_name(path.name + "-wal")
    options = SqliteOptions(log_mib=1, checkpoint_pages=50)
    store = await Store.open(f"sqlite:///{path}", sqlite=options)
    assert size(log) == 1 << 20
    rows = [transition(1, first, first) for first in range(1, 500)]
    for row in rows:
        await store.commit(Batch(history=[row]))
    copy = tmp_path / "copy.db"  # as a crash would leave it
    shutil.copy(path, copy)
    shutil.copy(log, copy.with_name(copy.name + "-wal"))
    connection = connect(path, options)
    checkpoint(connection, options)
    connection.close()
    assert size(log) == 1 << 20
    await store.close()
    again = await Store.open(f"sqlite:///{copy}", sqlite=options)
    assert await again.history(1, 0, 1_000) == rows
    await again.close()


async def test_an_idle_thread_says_so_once_after_its_work() -> None:
    idle = threading.Semaphore(0)
    thread = DatabaseThread("test", when_idle=idle.release, idle_after=0.001)
    for _ in range(3):
        assert await asyncio.to_thread(idle.acquire, timeout=10)
        assert await thread.submit(lambda: 5) == 5
    thread.stop()
    thread.join()


async def test_close_leaves_one_file_with_everything(url: str, path: Path) -> None:
    store = await Store.open(url)
    await store.commit(Batch(started=[execution(1)]))
    await store.close()
    assert {file.name for file in path.parent.iterdir()} == {path.name, path.name + ".lock"}


async def test_a_small_waiting_execution_takes_less_than_500_bytes(url: str, path: Path) -> None:
    """With an id of its caller's, a request id and a due time, as most have."""
    events = '[["execution_started","order",1,{"n":12},{},null,{},"",0,0],'.ljust(150)
    store = await Store.open(url)
    for group in range(50):
        keys = [(1 << 60) + (group << 30) + number for number in range(100)]
        started = [
            execution(
                key, status=SUSPENDED, wake_at=key >> 10, request_id=secrets.token_hex(8)
            )._replace(id=f"order-{key % (1 << 40)}", start_time=NOW)
            for key in keys
        ]
        told = [StatusChange(key, status) for key in keys for status in (RUNNING, SUSPENDED)]
        history = [transition(key, 1, 3, events)._replace(time=NOW) for key in keys]
        await store.commit(Batch(started=started, history=history, status_changes=told, time=NOW))
    await store.close()
    assert size(path) / 5000 < 500


async def test_an_idle_database_gives_its_memory_back(url: str) -> None:
    """What was written, and what was read."""
    store = await Store.open(url, sqlite=SqliteOptions(idle_after=0.5))
    rows = [transition(1, number, number, "x" * 1_000_000) for number in range(1, 21)]
    await store.commit(Batch(history=rows))
    await shrunk(10)
    found = await store.history(1, 0, 100)
    await shrunk(10)
    assert found == rows
    await store.close()


async def shrunk(mib: int) -> None:
    """Wait until the process has so much less memory than now."""
    before = resident()
    for _ in range(1_000):
        if resident() < before - (mib << 20):
            return
        await asyncio.sleep(0.02)
    pytest.fail("the memory is still there")


def resident() -> int:
    """The bytes of memory that the process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
