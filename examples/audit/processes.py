"""The demo's server and worker: real processes, the server started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

_PAUSE = 0.5
_COMMAND = (sys.executable, "-m", "branchline.client.cli")


def free_address() -> str:
    """An address of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class Server:
    """A server process."""

    def __init__(self, address: str, database: Path, tell: Callable[[str], None]) -> None:
        self._arguments = ("server", "--listen", address, "--database", f"sqlite:///{database}")
        self._tell = tell
        self._process: asyncio.subprocess.Process | None = None

    async def keep_running(self) -> None:
        """Run the server, and again whenever it dies, until cancelled."""
        try:
            while True:
                self._process = await _spawn(*self._arguments, "--log-level", "warning")
                self._tell(f"server: process {self._process.pid}")
                code = await self._process.wait()
                self._tell(f"server: died with {code}, started again in {_PAUSE} s")
                await asyncio.sleep(_PAUSE)
        finally:
            if self._process is not None:
                await _end(self._process)

    def kill(self) -> None:
        """Kill the server as a power cut would."""
        if self._process is not None:
            self._process.kill()


@asynccontextmanager
async def worker(address: str, activities: str, ledger: Path) -> AsyncIterator[None]:
    """A worker process for the activities of a module."""
    environ = {**os.environ, "AUDIT_LEDGER": str(ledger)}
    process = await _spawn("worker", activities, "--address", address, environ=environ)
    try:
        yield
    finally:
        await _end(process)


async def _spawn(
    *arguments: str, environ: dict[str, str] | None = None
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *_COMMAND, *arguments, env=environ, start_new_session=True
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    await process.wait()
