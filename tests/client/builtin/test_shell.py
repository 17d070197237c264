"""The activity ``shell`` with real programs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from branchline.client.builtin import shell
from branchline.client.errors import ActivityError
from tests.client.builtin.calling import call

MEBIBYTE = 1024 * 1024

# A program that starts another one in the background; both have the pipe open.
TREE = "exec 9> {pipe}; echo up >&9; sleep 600 & sleep 600"


async def run(**parameters: object) -> Any:  # noqa: ANN401 - JSON is of any type
    return await call(shell(), **parameters)


async def failure(**parameters: object) -> ActivityError:
    with pytest.raises(ActivityError) as caught:
        await run(**parameters)
    return caught.value


def real(path: Path) -> str:
    return str(path.resolve())


@asynccontextmanager
async def writers_of(pipe: Path) -> AsyncIterator[asyncio.StreamReader]:
    """What the processes write that have a named pipe open; it ends when the last one has."""
    os.mkfifo(pipe)
    reader = asyncio.StreamReader()
    # Without blocking a pipe can be read before anybody writes.
    end = os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), end
    )
    try:
        yield reader
    finally:
        transport.close()


async def rest_of(writers: asyncio.StreamReader, pipe: Path) -> bytes:
    """What else is written until nobody has the pipe open."""
    # Had nobody opened it at all, no end would be told. It cannot be opened when it was.
    with contextlib.suppress(OSError):
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    return await writers.read()


async def test_a_program_gets_its_arguments_as_they_are() -> None:
    assert await run(command="printf", args=["%s|", "two  words", "$HOME; *", 3, 0.5]) == {
        "stdout": "two  words|$HOME; *|3|0.5|",
        "stderr": "",
        "exit_code": 0,
        "success": True,
    }


async def test_a_command_without_args_is_a_line_of_the_shell() -> None:
    result = await run(command="echo one | tr a-z A-Z; echo two >&2")
    assert (result["stdout"], result["stderr"]) == ("ONE", "two")


async def test_empty_args_make_no_line_of_a_command() -> None:
    error = await failure(command="echo one", args=[])
    assert error.message.startswith("command: there is no program 'echo one'; leave args out")


async def test_a_failed_program_is_a_result() -> None:
    result = await run(command="echo half; exit 3")
    assert (result["stdout"], result["exit_code"], result["success"]) == ("half", 3, False)


async def test_a_program_that_a_signal_ended_has_its_number_below_zero() -> None:
    result = await run(command="kill -TERM $$")
    assert (result["exit_code"], result["success"]) == (-15, False)


async def test_only_the_line_ends_at_the_end_are_left_out() -> None:
    assert (await run(command="printf ' a\\n\\n b \\r\\n\\n'"))["stdout"] == " a\n\n b "


async def test_what_is_no_utf_8_is_replaced() -> None:
    assert (await run(command="printf 'a\\377'"))["stdout"] == "a\ufffd"


async def test_standard_input_is_empty() -> None:
    assert (await run(command="cat"))["stdout"] == ""


async def test_it_works_where_it_is_told(tmp_path: Path) -> None:
    result = await run(command="pwd -P", working_dir=str(tmp_path))
    assert result["stdout"] == real(tmp_path)


async def test_the_workers_environment_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "secret")
    monkeypatch.setenv("HOME", "/home/worker")
    given = {"COLOUR": "red", "HOME": "/else", "COUNT": 3}
    assert "secret" not in (await run(command="env", args=[], environment=given))["stdout"]
    shown = await run(command="echo $COLOUR $HOME $COUNT", environment=given)
    assert shown["stdout"] == "red /else 3"
    assert (await run(command="echo $HOME"))["stdout"] == "/home/worker"


async def test_who_offers_it_may_name_more_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/etc/kube")
    monkeypatch.delenv("ABSENT", raising=False)
    offered = shell(inherit=["KUBECONFIG", "ABSENT"])
    result = await call(offered, command="echo $KUBECONFIG ${ABSENT-none}")
    assert result["stdout"] == "/etc/kube none"


@pytest.mark.parametrize("timeout", ["200ms", 0.2])
async def test_a_timeout_kills_all_that_runs(tmp_path: Path, timeout: float | str) -> None:
    pipe = tmp_path / "pipe"
    async with writers_of(pipe) as writers:
        error = await failure(command=TREE.format(pipe=pipe), timeout=timeout)
        assert await rest_of(writers, pipe) in {b"up\n", b""}
    assert error.type == "timeout"
    assert error.message.endswith(f"has not ended within {timeout}")


async def test_a_cancellation_kills_all_that_runs(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    async with writers_of(pipe) as writers:
        running = asyncio.create_task(run(command=TREE.format(pipe=pipe)))
        assert await writers.readline() == b"up\n"
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await rest_of(writers, pipe) == b""


async def test_a_start_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    async with writers_of(pipe) as writers:
        running = asyncio.create_task(run(command=TREE.format(pipe=pipe)))
        started = asyncio.Event()
        asyncio.get_running_loop().call_soon(started.set)
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await rest_of(writers, pipe) in {b"up\n", b""}


async def test_what_a_program_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    async with writers_of(pipe) as writers:
        command = f"exec 9> {pipe}; sleep 600 & (sleep 600) & echo done"
        assert (await run(command=command))["stdout"] == "done"
        assert await rest_of(writers, pipe) == b""


async def test_output_is_taken_up_to_a_limit() -> None:
    program = "import sys; sys.stdout.write('x' * int(sys.argv[1]))"
    full = await run(command=sys.executable, args=["-c", program, MEBIBYTE])
    assert len(full["stdout"]) == MEBIBYTE
    error = await failure(command=sys.executable, args=["-c", program, MEBIBYTE + 1])
    assert "stdout is longer than 1048576 bytes: let it write to a file" in error.message


async def test_a_program_that_never_stops_writing_is_killed() -> None:
    error = await failure(command="yes >&2")
    assert (error.type, "stderr is longer" in error.message) == ("activity_failed", True)


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"command": ""}, "command must not be empty"),
        ({"command": "absent-program", "args": ["x"]}, "there is no program 'absent-program'"),
        ({"command": "/etc", "args": []}, "command '/etc' cannot be started: Permission denied"),
        ({"command": "a\0b"}, "cannot be started: embedded null byte"),
        ({"command": "true", "args": ["x" * 4 * MEBIBYTE]}, "cannot be started: Argument list"),
        (
            {"command": "true", "working_dir": "/absent"},
            "working_dir: there is no folder '/absent'",
        ),
        ({"command": "true", "environment": {"A=B": "c"}}, "environment: 'A=B' is no name"),
        ({"command": "true", "timeout": 0}, "timeout must be above 0"),
        ({"command": "true", "timeout": "soon"}, "timeout: 'soon' is no duration"),
        ({"command": "true", "args": [True]}, "parameter args: expected"),
        ({"args": ["x"]}, "parameter command is missing"),
    ],
)
async def test_parameters_that_cannot_be_used_are_refused(
    parameters: dict[str, object], problem: str
) -> None:
    error = await failure(**parameters)
    assert problem in error.message
