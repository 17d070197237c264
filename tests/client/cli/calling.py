"""Calls the command line, in this process or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from branchline.client.cli import main


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON is of any type
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def documents(self) -> list[Any]:
        """The JSON documents on the lines of standard output."""
        return [json.loads(line) for line in self.out.splitlines()]


class CommandLine:
    """Calls ``branchline`` in this process."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *arguments: str | Path) -> Result:
        """Run a command; what argparse refuses has an exit code, too."""
        self._capture.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as error:
            code = int(error.code or 0)
        captured = self._capture.readouterr()
        return Result(code, captured.out, captured.err)


class Process:
    """Runs ``branchline`` in a process of its own."""

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "branchline.client.cli", *arguments],
            cwd=folder,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.seen = ""
        """What was read from standard error."""

    def read_until(self, text: str) -> str:
        """Read standard error to the line that holds a text, and give that line."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.seen += line
            if text in line:
                return line
        raise AssertionError(f"{text!r} never came:\n{self.seen}")

    def next_line(self) -> str:
        """Read a line of standard output."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def end(self) -> Result:
        """Wait for the end."""
        out, err = self._process.communicate(timeout=60)
        return Result(self._process.returncode, out, self.seen + err)

    def kill(self) -> None:
        """End it if it still runs."""
        self._process.kill()
        self._process.communicate()
