"""Some runs, each of another seed, keep every promise; ``make simulate`` plays more."""

from __future__ import annotations

import subprocess
import sys

_SEEDS = 50


def _simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def test_promises_hold_whatever_the_seed() -> None:
    # In a process of its own: the order of sets is a part of a run, and set at its start.
    played = _simulate("--seeds", str(_SEEDS))
    assert played.returncode == 0, played.stdout[-20_000:] + played.stderr[-5_000:]
    assert f"{_SEEDS} seeds" in played.stdout


def test_a_seed_plays_the_same_again() -> None:
    first, second = (_simulate("--seed", "7", "--servers", "3") for _ in range(2))
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout == second.stdout


def test_a_database_that_loses_what_it_has_acknowledged_is_found_out() -> None:
    played = _simulate("--seeds", "5", "--jobs", "1", "--lies", "0.1")
    assert played.returncode == 1, played.stdout
    assert "make simulate SEED=" in played.stdout
