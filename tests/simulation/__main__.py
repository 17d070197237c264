"""The command line: ``python -m tests.simulation --help``."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial

from tests.simulation.theatre import Theatre

_SHOWN = 60
_GIVEN_UP_AFTER = 10
_AT_ONCE = 25

_theatre: list[Theatre] = []
"""This process's own, once it is needed."""


def main(arguments: Sequence[str]) -> int:
    """Play seeds. Returns 0 when no promise was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description="The server's real parts in simulated time, with faults drawn by seeds.",
        allow_abbrev=False,
    )
    parser.add_argument("--seeds", type=int, default=2_000, help="how many seeds to play")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="play this one again, and tell all its steps")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes that play")
    parser.add_argument(
        "--lies", type=float, default=0.0, help="share of commits that are lost: must be found"
    )
    parser.add_argument(
        "--servers", type=int, default=0, help="how many share the database; drawn as well if 0"
    )
    given = parser.parse_args(arguments)
    if given.seed is not None:
        outcome = Theatre(given.lies, given.servers).play(given.seed)
        _print([*outcome.trace.lines(), *outcome.report.lines()])
        return 1 if outcome.report.violations else 0
    return _play(
        range(given.first, given.first + given.seeds), given.jobs, given.lies, given.servers
    )


def _play(seeds: range, jobs: int, lies: float, servers: int) -> int:
    began, found, played = time.monotonic(), 0, 0
    seen: Counter[str] = Counter()
    with closing(_played(seeds, jobs, partial(_play_stretch, lies, servers))) as stretches:
        for number, counted, violations in stretches:
            played += number
            found += len(violations)
            seen.update(counted)
            for lines in violations:
                _print(lines)
            if found >= _GIVEN_UP_AFTER:
                break
    spent = time.monotonic() - began
    _print([f"{number:9d}  {what}" for what, number in sorted(seen.items())])
    _print([f"{played} seeds in {spent:.1f} s, {played / spent * 60:.0f} a minute: {found} broken"])
    return 1 if found else 0


_Stretch = tuple[int, Counter[str], list[list[str]]]
"""How many seeds were played, what was seen, and the violations of each that has some."""


def _played(
    seeds: range, jobs: int, play: Callable[[range], _Stretch]
) -> Generator[_Stretch, None, None]:
    stretches = [seeds[at : at + _AT_ONCE] for at in range(0, len(seeds), _AT_ONCE)]
    if jobs == 1:
        yield from map(play, stretches)
        return
    pool = ProcessPoolExecutor(jobs)
    try:
        yield from pool.map(play, stretches)
    finally:
        pool.shutdown(cancel_futures=True)


def _play_stretch(lies: float, servers: int, seeds: range) -> _Stretch:
    if not _theatre:
        _theatre.append(Theatre(lies, servers))
        gc.freeze()
        gc.set_threshold(100_000, 50, 50)  # hardly anything here is a cycle
    seen: Counter[str] = Counter()
    found = []
    for seed in seeds:
        outcome = _theatre[0].play(seed)
        seen.update(outcome.report.counts["seen"])
        if outcome.report.violations:
            lines = outcome.trace.lines(_SHOWN)
            lines += [f"seed {seed}: {what}" for what in outcome.report.violations[:10]]
            lines += [f"once more, with all steps: make simulate SEED={seed}{_more(servers)}", ""]
            found.append(lines)
    return len(seeds), seen, found


def _more(servers: int) -> str:
    return f" SERVERS={servers}" if servers else ""


def _print(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets is a part of a run
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]])
    sys.exit(main(sys.argv[1:]))
