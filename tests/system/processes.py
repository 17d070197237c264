"""Real server processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc import StatusCode

from tests.server.serving import Served

SERVER = "import sys; from branchline.server.commands import server; sys.exit(server(sys.argv[1:]))"


def free_port() -> int:
    """A port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


@contextmanager
def server(
    folder: Path,
    port: int,
    *,
    lease: float = 1,
    database: str = "",
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A server process, on a file of the folder if no database is named."""
    command = [sys.executable, "-c", SERVER, "--lease", str(lease), "--shutdown-grace", "5"]
    command += ["--database", database or f"sqlite:///{folder}/branchline.db"]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--listen", f"127.0.0.1:{port}"],
            stderr=log,
            env={**os.environ, **(environment or {})},
        )
        with process:
            try:
                yield process
            finally:
                process.kill()


async def until_serving(served: Served, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers."""
    while process.poll() is None:
        try:
            await served.get("nobody")
        except grpc.aio.AioRpcError as error:
            if error.code() is StatusCode.NOT_FOUND:
                return
            await served.channel.channel_ready()
    pytest.fail("the server has ended")
