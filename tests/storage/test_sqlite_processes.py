"""Real processes: one server a file, and nothing acknowledged is lost when one is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from branchline.server.storage import DatabaseInUse, ExecutionFilter, Store
from tests.storage.examples import ANY

HOLDER = """
import asyncio, sys
from branchline.server.storage import Store

async def main():
    store = await Store.open(sys.argv[1])
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await store.close()

asyncio.run(main())
"""
WRITER = """
import asyncio, sys
from branchline.server.storage import Batch, Store
from tests.storage.examples import execution, task, transition

async def main():
    store = await Store.open(sys.argv[1])
    for first in range(0, 10**9, 5):
        keys = range(first, first + 5)
        await store.commit(Batch(
            started=[execution(key) for key in keys],
            history=[transition(key, 1, 2) for key in keys],
            tasks_added=[task(key) for key in keys],
        ))
        print(first + 5, flush=True)

asyncio.run(main())
"""


@pytest.fixture
def url(path: Path) -> str:
    """SQLite alone."""
    return f"sqlite:///{path}"


@contextmanager
def running(program: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """A Python program in a process of its own."""
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", program, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    """The next line that a process writes."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


async def test_a_file_in_use_is_refused_with_the_process_that_has_it(url: str, path: Path) -> None:
    with running(HOLDER, url) as holder:
        assert line(holder) == "open"
        with pytest.raises(DatabaseInUse, match=f"{path} is in use by the process {holder.pid}"):
            await Store.open(url)
        holder.communicate("\n")
        await (await Store.open(url)).close()


async def test_a_file_in_use_by_this_process_is_refused_too(
    store: Store, url: str, tmp_path: Path, path: Path
) -> None:
    with pytest.raises(DatabaseInUse):
        await Store.open(url)
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with pytest.raises(DatabaseInUse):
        await Store.open(f"sqlite:///{link}")


async def test_a_killed_process_leaves_no_lock(url: str) -> None:
    with running(HOLDER, url) as holder:
        assert line(holder) == "open"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    await (await Store.open(url)).close()


@pytest.mark.parametrize("commits", [1, 20, 60])
async def test_what_was_acknowledged_survives_a_kill(url: str, commits: int) -> None:
    """And of the batch that was under way there is all or nothing."""
    with running(WRITER, url) as writer:
        acknowledged = [line(writer) for _ in range(commits)]
        writer.send_signal(signal.SIGKILL)
        assert writer.stdout is not None
        acknowledged += writer.stdout.read().split()
    told = int(acknowledged[-1])
    store = await Store.open(url)
    counted = sum((await store.count_executions(ExecutionFilter(statuses=ANY))).values())
    assert counted in {told, told + 5}
    keys = range(counted)
    assert {row.key for row in await store.executions_by_key(range(told + 10))} == set(keys)
    assert all((await store.histories(keys)).values())
    assert len(await store.ready_keys(("default", "charge"), limit=counted + 10)) == counted
    await store.close()
