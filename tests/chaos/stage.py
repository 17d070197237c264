"""All processes of a run, and the ways between them."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.chaos.activities import CRASHED
from tests.chaos.databases import Database, opened
from tests.chaos.options import Options
from tests.chaos.processes import Guardian, Kept
from tests.chaos.proxy import Proxy
from tests.chaos.report import Report

_LEASE = "1"
_ALWAYS = "1000000"
"""Deliveries of a task: it is lost as often as the villain likes, and must be done all the same."""
_FAULTS = ("[error", "[critical", "Traceback (")
_PORTS = range(20_000, 32_000)  # below those that systems give to outgoing connections


class Stage:
    """Servers, workers, and two proxies before each server: for its workers and its users."""

    def __init__(self, options: Options, folder: Path, database: Database, report: Report) -> None:
        self.folder = folder
        self.database = database
        self.report = report
        self.guardian = Guardian()
        ports = [_free_port() for _ in range(options.servers)]
        self.servers = [self._server(number, port) for number, port in enumerate(ports)]
        self.to_workers = [Proxy(port) for port in ports]
        self.to_users = [Proxy(port) for port in ports]
        self.workers: list[Kept] = []
        self._most_workers = options.workers

    @property
    def proxies(self) -> list[Proxy]:
        """All of them."""
        return [*self.to_workers, *self.to_users]

    async def start(self) -> None:
        """Start everything."""
        (self.folder / "mended").mkdir()
        await self.guardian.start()
        for proxy in self.proxies:
            await proxy.start()
        for number in range(self._most_workers):
            self.workers.append(self._worker(number))
        for process in (*self.servers, *self.workers):
            await process.start()

    async def stop(self) -> None:
        """End all processes in order; one that ends otherwise breaks a promise."""
        for kind, processes in (("worker", self.workers), ("server", self.servers)):
            codes = await asyncio.gather(*(process.stop() for process in processes))
            for code in codes:
                self.report.require(code == 0, f"a {kind} ends in order", f"exit code {code}")

    def check_logs(self) -> None:
        """Warnings are what chaos leads to; an error or a traceback is a fault of the program."""
        for process in (*self.servers, *self.workers):
            for line in process.log.read_text(errors="replace").splitlines():
                fault = any(sign in line for sign in _FAULTS)
                self.report.count("seen", "lines of logs")
                if fault:
                    self.report.violation("logs tell of no fault", f"{process.log.name}: {line}")

    async def close(self) -> None:
        """End whatever is left."""
        for process in (*self.servers, *self.workers):
            await process.end()
        for proxy in self.proxies:
            await proxy.close()
        await self.guardian.close()

    def _server(self, number: int, port: int) -> Kept:
        settings = {
            "database": self.database.url,
            "listen": f"127.0.0.1:{port}",
            "lease": _LEASE,
            "max-deliveries": _ALWAYS,
            "shutdown-grace": "2",
        }
        flags = [text for name, value in settings.items() for text in (f"--{name}", value)]
        command = [sys.executable, "-m", "branchline.client.cli", "server", *flags]
        log = self.folder / f"server-{number}.log"
        return Kept(self.guardian, command, log, lambda code: self._ended("server", code))

    def _worker(self, number: int) -> Kept:
        address = self.to_workers[number % len(self.to_workers)].address
        command = [sys.executable, "-m", "tests.chaos.worker", address, str(self.folder)]
        log = self.folder / f"worker-{number}.log"
        return Kept(self.guardian, command, log, lambda code: self._ended("worker", code))

    def _ended(self, kind: str, code: int) -> None:
        if kind == "worker" and code == CRASHED:
            self.report.count("faults", "worker crashed by an activity")
        else:
            self.report.violation("processes do not end by themselves", f"{kind} with {code}")


@asynccontextmanager
async def staged(options: Options, folder: Path, report: Report) -> AsyncIterator[Stage]:
    """Everything that a run needs; at the end nothing of it is left."""
    async with opened(options.database, folder) as database:
        stage = Stage(options, folder, database, report)
        try:
            await stage.start()
            yield stage
        finally:
            await stage.close()


def _free_port() -> int:
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
