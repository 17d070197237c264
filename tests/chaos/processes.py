"""Processes that are killed and come back, and that never outlive the test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_STOP_TIME = 30.0


class Guardian:
    """A process that kills the others when this one has ended."""

    def __init__(self) -> None:
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.chaos.guardian",
            cwd=ROOT,
            start_new_session=True,
            stdin=asyncio.subprocess.PIPE,
        )

    def tell(self, line: str) -> None:
        """Tell it of a group: ``+GROUP`` or ``-GROUP``."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(f"{line}\n".encode())

    async def close(self) -> None:
        """Let it end."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()


class Kept:
    """A process that is started again whenever it has ended."""

    def __init__(
        self,
        guardian: Guardian,
        arguments: list[str],
        log: Path,
        on_end: Callable[[int], None],
    ) -> None:
        self.lock = asyncio.Lock()
        """Held by whoever does something to it."""
        self.log = log
        self._guardian = guardian
        self._arguments = arguments
        self._on_end = on_end
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._expected = False
        self._down = 0.0

    @property
    def pid(self) -> int | None:
        """The process while it lives."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Start it, and keep it up from now on."""
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep())

    async def kill(self, down: float) -> None:
        """Kill it, and return when it is started again after so many seconds."""
        await self._up.wait()
        self._expected, self._down = True, down
        self._up.clear()
        self._signal(signal.SIGKILL)
        await self._up.wait()

    async def freeze(self, seconds: float) -> None:
        """Stop it for a while, as a machine does that swaps or sleeps."""
        self._signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._signal(signal.SIGCONT)

    async def starve(self, seconds: float, limit: int) -> bool:
        """Let it write no file beyond a size for a while; False where that is not possible."""
        if not hasattr(resource, "prlimit"):
            return False
        await self._up.wait()
        pid = self.pid
        if pid is None:  # it has just ended by itself, which is told elsewhere
            return True
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            await asyncio.sleep(seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        return True

    async def stop(self) -> int:
        """End it in order, for good; its exit code."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        process = self._process
        if process is None:
            return 0
        self._signal(signal.SIGTERM)
        try:
            code = await asyncio.wait_for(process.wait(), _STOP_TIME)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            code = await process.wait()
        self._guardian.tell(f"-{process.pid}")
        return code

    async def end(self) -> None:
        """End it the hard way, for good."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._signal(signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    async def _spawn(self) -> None:
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
            )
        self._guardian.tell(f"+{self._process.pid}")
        self._up.set()

    async def _keep(self) -> None:
        while True:
            process = self._process
            assert process is not None
            code = await process.wait()
            self._up.clear()
            self._guardian.tell(f"-{process.pid}")
            if not self._expected:
                self._on_end(code)
            await asyncio.sleep(self._down)
            self._expected, self._down = False, 0.0
            await self._spawn()
