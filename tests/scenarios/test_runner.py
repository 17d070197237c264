"""The runner as it is used: what it prints and how it exits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.__main__ import Tally
from tests.scenarios.results import Result

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).parent / "data"

pytestmark = pytest.mark.system


def run(*arguments: str) -> tuple[int, list[str]]:
    command = [sys.executable, "-m", "tests.scenarios", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_sound_scenarios_pass() -> None:
    code, lines = run(str(DATA / "sound"))
    assert lines[-1] == "4 passed, 0 failed, 0 skipped", lines
    assert code == 0


def test_some_scenarios_of_the_clauses_pass_on_a_server_too() -> None:
    """All of them are played on the bare engine, where they take no time."""
    code, lines = run(str(DATA / "clauses"), "--only", "a-[rt]*")
    assert lines[-1] == "4 passed, 0 failed, 0 skipped", lines
    assert code == 0


def test_a_skipped_scenario_tells_its_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally(verbose=False)
    tally.take(Result("tea", skipped=["no fire yet", "no water yet"]))
    tally.close()
    told = capsys.readouterr().out
    assert told == "SKIP tea: no fire yet; no water yet\n0 passed, 0 failed, 1 skipped\n"


def test_each_difference_is_told() -> None:
    code, lines = run(str(DATA / "unsound"), "--only", "everything*")
    assert lines[-1] == "0 passed, 1 failed, 0 skipped"
    assert code == 1
    told = "\n".join(lines)
    assert 'outputs: expected {"sum": 3}, got {"sum": 3.0}' in told
    for what in (
        "branches",
        "state main.sum",
        "absent main.sum",
        "visits of main",
        "calls",
        "at_once add",
        "version",
        "elapsed",
        "parameters of add",
        "suspension",
        "error",
        'listed {"labels": {"a": "b"}}',
    ):
        assert f"\n    {what}: " in told


def test_unsound_scenarios_fail() -> None:
    code, lines = run(str(DATA / "unsound"), "--only", "n*", "--verbose")
    told = "\n".join(lines)
    assert "problems: expected NO_STEPS" in told
    assert "problems: unexpected UNKNOWN_EDGE_TARGET" in told
    assert "cancel: expected NOT_FOUND, got OK" in told
    assert "the end of the server's log" in told
    assert lines[-1] == "0 passed, 2 failed, 0 skipped"
    assert code == 1


def test_a_file_that_is_no_scenario_fails() -> None:
    code, lines = run(str(DATA / "unsound"), "--only", "unreadable")
    assert "expects" in lines[1]
    assert lines[-1] == "0 passed, 1 failed, 0 skipped"
    assert code == 1


def test_with_fail_fast_nothing_comes_after_the_first_failure() -> None:
    _, lines = run(str(DATA / "unsound"), "--only", "[nu]*", "--fail-fast", "--jobs", "1")
    assert lines[-1] == "0 passed, 1 failed, 0 skipped"
