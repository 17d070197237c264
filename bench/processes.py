"""Servers in processes of their own, and what the kernel knows of them (Linux)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_TICK = os.sysconf("SC_CLK_TCK")
_PATIENCE = 60.0


class Server(NamedTuple):
    """A server that serves."""

    pid: int
    address: str
    ready_after: float
    """Seconds until it took a connection."""

    def cpu(self) -> float:
        """CPU seconds so far, of all its threads."""
        return cpu_seconds(self.pid)


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def memory_mib(pid: int) -> float:
    """The memory that a process holds; what it shares counts in part."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def serving(database: Path | str) -> Iterator[Server]:
    """A server on a file, or a database's URL, with its defaults."""
    port = free_port()
    began = time.perf_counter()
    process = launch(database, port)
    try:
        wait_for(port, process)
        yield Server(process.pid, f"127.0.0.1:{port}", time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_PATIENCE)


def launch(database: Path | str, port: int) -> subprocess.Popen[bytes]:
    """Start a server on a file, or a database's URL; it does not serve yet."""
    url = database if isinstance(database, str) else f"sqlite:///{database}"
    command = [sys.executable, "-m", "branchline.client.cli", "server", "--log-level", "warning"]
    command += ["--database", url, "--listen", f"127.0.0.1:{port}"]
    return subprocess.Popen(command)  # noqa: S603 - this interpreter, with our arguments


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server takes connections. Ends the program when it does not."""
    began = time.perf_counter()
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode}")
        if time.perf_counter() - began > _PATIENCE:
            raise SystemExit(f"the server took no connection within {_PATIENCE:g} s")
        time.sleep(0.005)
