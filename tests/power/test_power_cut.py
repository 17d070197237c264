"""What was acknowledged is on the disk already: shown by the system calls of a real server.

At the beginning of every call that sends something to a client, the files are taken down as a
power cut at that very moment might leave them. Each must be a sound database that has whatever
the client is about to be told.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from branchline.server.storage import Store, StoreError
from branchline.v1 import task_pb2
from tests.power.disk import Disk, Send
from tests.power.tracing import CannotTrace, trace
from tests.server.flows import flow, work
from tests.server.serving import Served, connected
from tests.server.worker import completed

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(sys.platform != "linux", reason="watches system calls of Linux"),
]

# The threads of a process can be watched from the first on: what it imports before makes none.
SERVER = """
import sys
import branchline.server.app
from branchline.server.commands import server
print("ready", flush=True)
sys.stdin.readline()
sys.exit(server(sys.argv[1:]))
"""
COMPLETED = 4


class Promise(NamedTuple):
    """What a client is about to be told by a send."""

    send: Send
    text: str
    is_kept: Callable[[Store], Awaitable[bool]]


class Traced:
    """A server process, its disk, and what it was asked for."""

    def __init__(self, folder: Path, synchronous: str) -> None:
        self.disk = Disk(folder)
        self.ids: list[str] = []
        self.tokens: dict[str, str] = {}
        """Tokens of tasks, with their executions."""
        self.port = free_port()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        flags = ["--database", f"sqlite:///{folder}/branchline.db", "--synchronous", synchronous]
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER, *flags, "--listen", f"127.0.0.1:{self.port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        self._thread = threading.Thread(target=self._watch)

    def begin(self) -> None:
        """Have the server start, watched from its first step on."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Cut the power."""
        # To ask whether it has ended would take a stop away from the watcher.
        os.kill(self._process.pid, signal.SIGKILL)
        if self._ready.is_set():
            self._thread.join()
        self._process.communicate()
        if self._failure is not None and not isinstance(self._failure, CannotTrace):
            raise self._failure

    def promises(self) -> Iterator[Promise]:
        """What the clients were told, each with the first moment."""
        for execution_id in self.ids:
            [told, *_] = self._naming(execution_id)
            yield Promise(told, f"{execution_id} has started", partial(has_started, execution_id))
        for token, execution_id in self.tokens.items():
            delivered, acknowledged = self._naming(token)
            yield Promise(delivered, f"{execution_id} is leased", partial(is_leased, execution_id))
            yield Promise(acknowledged, f"{execution_id} is done", partial(is_done, execution_id))

    def _naming(self, text: str) -> list[Send]:
        return [send for send in self.disk.sends if text.encode() in send.data]

    def _watch(self) -> None:
        try:
            trace(self._process.pid, self.disk.look, self._ready.set)
        except BaseException as error:  # noqa: BLE001 - it is the test's, not the thread's
            self._failure = error
            os.kill(self._process.pid, signal.SIGKILL)
            self._ready.set()


async def has_started(execution_id: str, store: Store) -> bool:
    """Whether an execution is there, with its history and its task."""
    rows = await store.executions_by_id([execution_id])
    return bool(rows and (await store.histories([rows[0].key]))[rows[0].key])


async def is_leased(execution_id: str, store: Store) -> bool:
    """Whether it is known who has an execution's task."""
    rows = await store.executions_by_id([execution_id])
    tasks = await store.tasks_of(rows[0].key) if rows else []
    return [task.worker for task in tasks] == ["poller"] or await is_done(execution_id, store)


async def is_done(execution_id: str, store: Store) -> bool:
    """Whether an execution has completed."""
    return [row.status for row in await store.executions_by_id([execution_id])] == [COMPLETED]


def free_port() -> int:
    """A port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


async def use(traced: Traced, served: Served, name: str) -> None:
    """Start executions, one by one and all at once, and work on their tasks."""
    ids = [f"{name}-{number}" for number in range(6)]
    traced.ids += ids
    for execution_id in ids[:3]:
        await served.start(id=execution_id)
    await asyncio.gather(*(served.start(id=execution_id) for execution_id in ids[3:]))
    tasks: list[task_pb2.Task] = []
    while len(tasks) < len(ids):
        tasks += await served.poll(20, most=4)
    traced.tokens |= {task.token: task.execution_id for task in tasks}
    await served.report(completed(tasks[0]))
    await served.report(*map(completed, tasks[1:]))


async def play(traced: Traced) -> None:
    """Use a server before and after its log was put into the database."""
    await asyncio.to_thread(traced.begin)
    async with connected(traced.port) as served:
        await served.channel.channel_ready()
        await served.register(flow(work()))
        await use(traced, served, "early")
        traced.disk.cut_off.clear()
        assert await asyncio.to_thread(traced.disk.cut_off.wait, 60)
        await use(traced, served, "late")


async def broken(traced: Traced, folder: Path, luck: random.Random | None) -> list[str]:
    """The promises that a power cut at the moment of their send would break."""
    found = []
    for number, promise in enumerate(traced.promises()):
        place = folder / f"{number}"
        put(place, promise.send.left(luck))
        try:
            store = await Store.open(f"sqlite:///{place}/branchline.db")
        except StoreError as error:
            found.append(f"{promise.text}: {error}")
            continue
        if not await promise.is_kept(store):
            found.append(promise.text)
        await store.close()
        found += [f"{promise.text}: {complaint}" for complaint in complaints(place)]
    return found


def put(folder: Path, files: dict[str, bytes]) -> None:
    """Make a folder with these files."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def complaints(folder: Path) -> list[str]:
    """What SQLite finds wrong with a database."""
    with closing(sqlite3.connect(folder / "branchline.db")) as connection:
        rows = connection.execute("PRAGMA integrity_check").fetchall()
    return [text for (text,) in rows if text != "ok"]


async def traced_server(folder: Path, synchronous: str) -> Traced:
    """A server that was used and killed; skips where a process can't be watched."""
    put(folder, {})
    traced = Traced(folder, synchronous)
    try:
        await play(traced)
    except CannotTrace as error:
        pytest.skip(str(error))
    finally:
        await asyncio.to_thread(traced.end)
    return traced


async def test_what_is_acknowledged_survives_a_power_cut(tmp_path: Path) -> None:
    """Whether nothing else has reached the disk, or by chance some of it."""
    traced = await traced_server(tmp_path / "served", "FULL")
    assert len(list(traced.promises())) == 36
    assert await broken(traced, tmp_path / "worst", None) == []
    for seed in range(3):
        assert await broken(traced, tmp_path / f"luck{seed}", random.Random(seed)) == []


async def test_without_syncs_a_power_cut_would_be_noticed(tmp_path: Path) -> None:
    """The check itself: NORMAL does not promise it, and so it must be found out."""
    traced = await traced_server(tmp_path / "served", "NORMAL")
    lost = await broken(traced, tmp_path / "worst", None)
    assert {f"{execution_id} is done" for execution_id in traced.ids[-6:]} <= set(lost)
