"""Runs the commands of the examples as processes, from the root of the repository."""

from __future__ import annotations

import functools
import os
import shlex
import subprocess
import sys

from tests.docs.pages import REPOSITORY, rows

_PROGRAMS = {
    ".venv/bin/python": [sys.executable],
    ".venv/bin/branchline": [sys.executable, "-m", "branchline.client.cli"],
}


def table() -> dict[str, tuple[str, str]]:
    """The command and the output of each example, as its table has them."""
    found = rows("../examples/README.md", "To run")
    return {
        cells[0][1:].partition("]")[0]: (cells[2].strip("`"), cells[3].strip("`"))
        for cells in found.values()
    }


@functools.cache
def run(command: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, once for all tests that look at it."""
    program, *arguments = shlex.split(command)
    environ = {name: value for name, value in os.environ.items() if name != "BRANCHLINE_ADDRESS"}
    return subprocess.run(
        [*_PROGRAMS[program], *arguments],
        cwd=REPOSITORY,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
