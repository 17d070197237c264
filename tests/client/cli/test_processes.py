"""Commands as processes of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.client.cli.calling import CommandLine, Process
from tests.client.cli.flows import ASK, FAIL, GREET, SLEEP, TOOLS, write

pytestmark = pytest.mark.system

Start = Callable[..., Process]

WAITS = """
import sys
from pathlib import Path
from branchline.client import activity

@activity
def hold(pipe: str) -> str:
    sys.stderr.write("holding\\n")
    sys.stderr.flush()
    return Path(pipe).read_text()
"""

HOLD = """
name: {name}
inputs: [{{name: pipe, type: string}}]
steps:
  - name: hold
    activity: hold
    task_queue: {name}
    parameters: {{pipe: "${{inputs.pipe}}"}}
    store: told
outputs: [{{name: told}}]
"""


def test_help_reads_neither_tables_nor_definitions_nor_servers() -> None:
    """What takes long to import waits for the command that needs it."""
    program = (
        "import sys\n"
        "from branchline.client.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'rich', 'yaml', 'sqlalchemy', 'branchline.server', 'importlib.metadata'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(("text", "code"), [(GREET, 0), (FAIL, 3)])
def test_run_ends_as_the_execution_did(
    process: Start, tmp_path: Path, text: str, code: int
) -> None:
    write(tmp_path, "flow.yaml", text)
    assert process("run", "flow.yaml").end().code == code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_behind(
    process: Start, tmp_path: Path, number: int
) -> None:
    write(tmp_path, "sleep.yaml", SLEEP)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    running = process("run", "sleep.yaml", TMPDIR=str(temporary))
    running.read_until("sleeps until")
    running.signal(number)
    result = running.end()
    assert (result.code, result.out) == (130, "")
    assert result.err.endswith("branchline: interrupted\n")
    assert list(temporary.iterdir()) == []


def test_somebody_may_signal_a_run(process: Start, branchline: CommandLine, tmp_path: Path) -> None:
    write(tmp_path, "ask.yaml", ASK)
    running = process("run", "ask.yaml")
    *_, execution, _, address = running.read_until(" at ").split()
    assert branchline("signal", execution, "answer", "42", "--address", address).code == 0
    result = running.end()
    assert (result.code, result.document) == (0, {"answer": 42})


def test_an_interrupted_watch_ends_with_130(
    process: Start, on_server: CommandLine, address: str, execution_id: str
) -> None:
    on_server("start", "ask", "--id", execution_id)
    waiting = process("start", "ask", "--request-id", execution_id, "--wait", "--address", address)
    waiting.read_until("waits for signal")
    waiting.signal(signal.SIGINT)
    assert waiting.end().code == 130


def test_start_can_wait_for_the_outputs(
    process: Start, on_server: CommandLine, address: str
) -> None:
    waiting = process("start", "ask", "--wait", "--address", address)
    execution = waiting.read_until("execution exec_").split()[-1]
    on_server("signal", execution, "answer", '"yes"')
    result = waiting.end()
    assert (result.code, result.document) == (0, {"answer": "yes"})


def test_a_worker_that_is_told_to_stop_finishes_what_it_has_begun(
    process: Start, on_server: CommandLine, address: str, tmp_path: Path, execution_id: str
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    write(tmp_path, "cli_waits.py", WAITS)
    on_server("register", write(tmp_path, "hold.yaml", HOLD.format(name=execution_id)))
    on_server("start", execution_id, "--id", execution_id, "-i", f"pipe={pipe}")
    worker = process("worker", "cli_waits", "--task-queue", execution_id, "--address", address)
    worker.read_until("holding")
    worker.signal(signal.SIGTERM)
    pipe.write_text("kept")
    assert worker.end().code == 0
    shown = on_server("show", execution_id, "--json").document
    assert shown["outputs"] == {"told": "kept"}


def test_dev_serves_and_works(process: Start, branchline: CommandLine, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    dev = process("dev", "--listen", address)
    dev.read_until("serving")
    at = ("--address", address)
    assert branchline("register", write(tmp_path, "greet.yaml", GREET), *at).code == 0
    result = branchline("start", "greet", "--wait", *at)
    assert (result.code, result.document["said"]) == (0, "hello world")
    dev.signal(signal.SIGINT)
    ended = dev.end()
    assert (ended.code, ended.out) == (0, "hello world\n")
    assert (tmp_path / "branchline.db").is_file()


def test_dev_runs_programs_when_it_is_told_to(
    process: Start, branchline: CommandLine, tmp_path: Path
) -> None:
    """Its worker has no main thread, which processes are sometimes said to need."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    dev = process("dev", "--listen", address, "--builtin", "shell", "file", "--file-root", ".")
    dev.read_until("serving")
    at = ("--address", address)
    assert branchline("register", write(tmp_path, "tools.yaml", TOOLS), *at).code == 0
    assert branchline("start", "tools", "--wait", *at).document == {"said": "hello"}
    assert (tmp_path / "memo").read_text() == "hello"
    dev.signal(signal.SIGINT)
    assert dev.end().code == 0


def test_a_reader_that_has_enough_is_no_error(address: str) -> None:
    listing = subprocess.Popen(
        [sys.executable, "-m", "branchline.client.cli", "workflows", "--address", address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert listing.stdout is not None
    listing.stdout.close()
    _, err = listing.communicate(timeout=60)
    assert (listing.returncode, err) == (1, "")
