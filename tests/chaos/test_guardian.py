"""No process outlives the test that started it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.chaos.processes import ROOT

pytestmark = pytest.mark.system

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
GUARDIAN = [sys.executable, "-m", "tests.chaos.guardian"]


def test_the_guardian_kills_what_is_left_when_nobody_speaks_to_it_any_more() -> None:
    with (
        subprocess.Popen(SLEEPER, start_new_session=True, stdout=subprocess.PIPE) as left,
        subprocess.Popen(SLEEPER, start_new_session=True, stdout=subprocess.PIPE) as let_go,
    ):
        for process in (left, let_go):
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
        lines = f"+{let_go.pid}\n+{left.pid}\n-{let_go.pid}\n"
        subprocess.run(GUARDIAN, input=lines.encode(), cwd=ROOT, check=True, timeout=20)
        assert left.wait(timeout=20) == -signal.SIGKILL
        assert let_go.poll() is None
        let_go.kill()
