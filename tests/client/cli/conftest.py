"""One server process for the commands, and ways to call them."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import structlog

from tests.client.cli.calling import CommandLine, Process
from tests.client.cli.flows import ASK, FAIL, GREET, SLEEP, write


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that knows the workflows of ``flows``."""
    folder = tmp_path_factory.mktemp("server")
    server = Process(folder, "server", "--listen", "127.0.0.1:0", "--log-format", "json")
    try:
        port = json.loads(server.read_until("serving"))["port"]
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of its own, and leave the process as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BRANCHLINE_ADDRESS", raising=False)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    importlib.invalidate_caches()


@pytest.fixture(autouse=True)
def _quiet_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep embedded servers from binding the process's loggers to a test's standard error."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    monkeypatch.setattr("branchline.server.logs.configure_logs", lambda *_: None)


@pytest.fixture
def branchline(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line in this process."""
    return CommandLine(capsys)


@pytest.fixture
def on_server(
    branchline: CommandLine, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """The command line with a server that knows the workflows of ``flows``."""
    monkeypatch.setenv("BRANCHLINE_ADDRESS", address)
    for name, text in (("greet", GREET), ("ask", ASK), ("fail", FAIL), ("sleep", SLEEP)):
        assert branchline("register", write(tmp_path, f"{name}.yaml", text)).code == 0
    return branchline


@pytest.fixture
def execution_id() -> str:
    """An id that no execution has."""
    return f"test-{uuid4().hex}"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts command lines as processes; those that still run at the end are killed."""
    started: list[Process] = []

    def start(*arguments: str, **environ: str) -> Process:
        started.append(Process(tmp_path, *arguments, **environ))
        return started[-1]

    yield start
    for each in started:
        each.kill()
