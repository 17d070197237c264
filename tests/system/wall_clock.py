"""A wall clock for a process, which a test sets while it runs."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")


class WallClock:
    """What a process with its ``environment`` takes for the time of day."""

    def __init__(self, folder: Path) -> None:
        """Skip the test where that can't be had."""
        compiler = shutil.which("cc")
        if sys.platform != "linux" or compiler is None:
            pytest.skip("needs Linux and a C compiler, to put another clock before the system's")
        library = folder / "wall_clock.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        self._file = folder / "wall_clock"
        self.environment = {"LD_PRELOAD": str(library), "WALL_CLOCK_FILE": str(self._file)}
        self._file.write_bytes(bytes(8))
        self._prove()

    def set(self, by: int) -> None:
        """Set it so many seconds ahead of the system's."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("=q", by))

    def _prove(self) -> None:
        """Skip the test where a process does not see it, as with a Python that is linked whole."""
        program = "import time; print(time.time(), time.monotonic())"
        told = []
        for by in (0, 3600):
            self.set(by)
            command = [sys.executable, "-c", program]
            found = subprocess.run(
                command, env=self.environment, check=True, stdout=subprocess.PIPE
            )
            told.append([float(word) for word in found.stdout.split()])
        self.set(0)
        wall, steady = (after - before for before, after in zip(*told, strict=True))
        if not (abs(wall - 3600) < 60 and 0 <= steady < 60):
            pytest.skip("this Python can't be shown another clock")
