"""The processes of a scenario: a server and a worker that can be killed and come back."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

ROOT = Path(__file__).resolve().parents[2]
CRASHED = 86
"""How a worker process ends that a scenario made crash."""

_SERVER = (
    "import sys; from branchline.server.commands import server; sys.exit(server(sys.argv[1:]))"
)
_PORTS = range(20_000, 32_000)  # below those that systems give to outgoing connections
_START_TIME = 30.0
_TAIL = 40


class ProcessFailed(Exception):
    """A process has ended, or not come up, on its own account."""


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def tails(folder: Path) -> dict[str, list[str]]:
    """The last lines of each process's log, by the process's name."""
    return {log.stem: tail(log) for log in sorted(folder.glob("*.log"))}


def tail(log: Path) -> list[str]:
    """The last lines of a log."""
    return log.read_text(errors="replace").splitlines()[-_TAIL:] if log.exists() else []


class ServerProcess:
    """A server on a database of its own, at one port for all its lives."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.log = folder / "server.log"
        self._arguments = _arguments(
            {
                "database": f"sqlite:///{folder / 'branchline.db'}",
                "listen": self.address,
                "lease": 1,
                **settings,
            }
        )
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it and wait until it serves. Raises ``ProcessFailed``."""
        self._process = await _spawn(["-c", _SERVER, *self._arguments], self.log)
        ended = asyncio.create_task(self._process.wait())
        serving = asyncio.create_task(_serving(self.address))
        await asyncio.wait(
            [ended, serving], timeout=_START_TIME, return_when=asyncio.FIRST_COMPLETED
        )
        up = serving.done()
        for task in (ended, serving):
            task.cancel()
        await asyncio.gather(ended, serving, return_exceptions=True)
        if not up:
            raise ProcessFailed(f"the server does not come up: {' / '.join(tail(self.log)[-3:])}")

    async def kill(self) -> None:
        """End it the hard way."""
        await _kill(self._process)


class WorkerProcess:
    """A worker that comes back whenever it crashes."""

    def __init__(self, folder: Path, desk: Path) -> None:
        self.log = folder / "worker.log"
        self.failure = ""
        """Why it ended on its own account."""
        self._desk = desk
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and keep it up."""
        self._process = await _spawn(["-m", "tests.scenarios.worker", str(self._desk)], self.log)
        self._keeper = asyncio.create_task(self._keep(self._process))

    async def kill(self) -> None:
        """End it the hard way, for good."""
        if self._keeper is not None:
            self._keeper.cancel()
        await _kill(self._process)

    async def _keep(self, process: Process) -> None:
        code = await process.wait()
        if code == CRASHED:
            await self.start()
        else:
            self.failure = f"the worker ended with {code}: {' / '.join(tail(self.log)[-3:])}"


async def _spawn(arguments: list[str], log: Path) -> Process:
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable, *arguments, cwd=ROOT, stdout=output, stderr=output
        )


async def _kill(process: Process | None) -> None:
    if process is not None and process.returncode is None:
        process.kill()
        await process.wait()


async def _serving(address: str) -> None:
    options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100)]
    async with aio.insecure_channel(address, options=options) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)  # its methods have no types
        request = health_pb2.HealthCheckRequest()
        while True:
            answer = await health.Check(request, wait_for_ready=True)
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return


def _arguments(settings: Mapping[str, Any]) -> list[str]:
    pairs = (("--" + name.replace("_", "-"), str(value)) for name, value in settings.items())
    return [argument for pair in pairs for argument in pair]
