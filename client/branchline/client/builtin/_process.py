"""One process and all that it starts: run within a time, with output of bounded size."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

MAX_OUTPUT: Final = 1024 * 1024
"""The most bytes of standard output, and of standard error."""

_LINGER: Final = 1.0
"""Seconds that a killed process, and the last of its output, may take to come."""
_STREAMS: Final = {1: "stdout", 2: "stderr"}


class TooMuchOutput(Exception):
    """The program wrote more than is taken; the message names the stream."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is to be run; its group of processes is its own."""

    arguments: Sequence[str]
    """The program and what it is given."""
    environment: Mapping[str, str]
    working_dir: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended."""

    exit_code: int
    """That of the program, or -N when signal N killed it."""
    stdout: bytes
    stderr: bytes


async def run_program(program: Program, seconds: float) -> Ended:
    """Run a program to its end; nothing of its group outlives this call.

    Raises:
        OSError: it cannot be started; ``TimeoutError`` when it did not end in time.
        ValueError: an argument or variable cannot be given to a program.
        TooMuchOutput: it wrote too much.

    """
    transport, watch = await _started(program)
    try:
        async with asyncio.timeout(seconds):
            await watch.ended
        watch.check()
        await asyncio.wait(watch.closed.values(), timeout=_LINGER)
        watch.check()
        return Ended(transport.get_returncode() or 0, *map(bytes, watch.output.values()))
    finally:
        await _end(transport, watch)


class _Watch(asyncio.SubprocessProtocol):
    """Collects what a program writes, and tells when it has ended."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = loop.create_future()
        """Done when the program has ended, or has written too much."""
        self.exited = asyncio.Event()
        self.closed: dict[int, asyncio.Future[None]] = {
            stream: loop.create_future() for stream in _STREAMS
        }
        """By stream: done when nobody can write there any more."""
        self.output = {stream: bytearray() for stream in _STREAMS}
        self._group: int | None = None

    def check(self) -> None:
        """Raise ``TooMuchOutput`` when a stream has more than is taken."""
        for stream, output in self.output.items():
            if len(output) > MAX_OUTPUT:
                raise TooMuchOutput(f"{_STREAMS[stream]} is longer than {MAX_OUTPUT} bytes")

    def kill(self) -> None:
        """Kill the whole group."""
        if self._group is None:
            return
        # macOS does not permit it where all that is left has ended.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._group, signal.SIGKILL)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The program runs."""
        # Not checked: the transports of other event loops are of other classes.
        self._group = cast("asyncio.SubprocessTransport", transport).get_pid()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """The program has written."""
        output = self.output[fd]
        output += data[: MAX_OUTPUT + 1 - len(output)]
        if len(output) > MAX_OUTPUT:
            _settle(self.ended)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Nobody can write there any more."""
        if fd in self.closed:
            _settle(self.closed[fd])

    def process_exited(self) -> None:
        """The program has ended; what it has left behind would keep the pipes open."""
        self.kill()
        self.exited.set()
        _settle(self.ended)


async def _started(program: Program) -> tuple[asyncio.SubprocessTransport, _Watch]:
    loop = asyncio.get_running_loop()
    starting = asyncio.ensure_future(
        loop.subprocess_exec(
            _Watch,
            *program.arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=program.working_dir,
            env=program.environment,
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # Half-way through the start the group could not be killed.
        with contextlib.suppress(OSError, ValueError):
            await _end(*await starting)
        raise


async def _end(transport: asyncio.SubprocessTransport, watch: _Watch) -> None:
    """Kill what still runs, and let the system have the process back."""
    try:
        if not watch.exited.is_set():
            watch.kill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LINGER):
                    await watch.exited.wait()
    finally:
        # Closed earlier, the transport and the loop would both collect the exit code.
        transport.close()


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
