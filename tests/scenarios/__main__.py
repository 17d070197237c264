"""The command line: ``python -m tests.scenarios FOLDER [--bare] [--only GLOB] ...``."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.scenarios.features import reasons_to_skip
from tests.scenarios.files import UnreadableScenario, find, read
from tests.scenarios.results import Result
from tests.scenarios.scenario import Scenario


class Tally:
    """Prints results as they come and counts them."""

    def __init__(self, *, verbose: bool) -> None:
        self.passed = self.failed = self.skipped = 0
        self._verbose = verbose

    def take(self, result: Result) -> None:
        """Print the lines of a result."""
        if result.skipped:
            self.skipped += 1
            _print(f"SKIP {result.name}: {'; '.join(result.skipped)}")
        elif result.differences:
            self.failed += 1
            lines = [f"FAIL {result.name} {result.seconds:.1f} s", *map(_indent, _lines(result))]
            if self._verbose:
                lines += _log_lines(result)
            _print("\n".join(lines))
        else:
            self.passed += 1
            _print(f"PASS {result.name} {result.seconds:.1f} s")

    def close(self) -> None:
        """Print the sum."""
        _print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")


async def run(paths: Sequence[Path], tally: Tally, jobs: int, *, fail_fast: bool) -> None:
    """Play scenarios, so many at a time, in order. SIGTERM ends it, with all processes."""
    playing = asyncio.current_task()
    assert playing is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, playing.cancel)
    waiting = iter(paths)

    async def player() -> None:
        for path in waiting:
            tally.take(await _result(path))
            if fail_fast and tally.failed:
                return

    await asyncio.gather(*(player() for _ in range(jobs)))


def run_bare(paths: Sequence[Path], tally: Tally, *, fail_fast: bool) -> None:
    """Play scenarios on the bare engine, one after the other."""
    from tests.scenarios.bare import play as bare  # noqa: PLC0415  # not needed on servers

    for path in paths:
        scenario = _read(path)
        if isinstance(scenario, Result):
            tally.take(scenario)
        elif reasons := [*reasons_to_skip(scenario), *bare.reasons_to_skip(scenario)]:
            tally.take(Result(scenario.name, skipped=reasons))
        else:
            tally.take(bare.play(scenario))
        if fail_fast and tally.failed:
            return


def main(arguments: Sequence[str]) -> int:
    """Play the scenarios of a folder. Returns 0 when none has failed."""
    options = _parser().parse_args(arguments)
    try:
        paths = find(options.folder, options.only)
    except FileNotFoundError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    tally = Tally(verbose=options.verbose)
    try:
        if options.bare:
            run_bare(paths, tally, fail_fast=options.fail_fast)
        else:
            asyncio.run(run(paths, tally, options.jobs, fail_fast=options.fail_fast))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("interrupted\n")
        return 2
    tally.close()
    return 1 if tally.failed else 0


async def _result(path: Path) -> Result:
    from tests.scenarios.play import play  # noqa: PLC0415  # not needed on the bare engine

    scenario = _read(path)
    if isinstance(scenario, Result):
        return scenario
    reasons = reasons_to_skip(scenario)
    return Result(scenario.name, skipped=reasons) if reasons else await play(scenario)


def _read(path: Path) -> Scenario | Result:
    """The scenario of a file, or the result that it is none."""
    try:
        return read(path)
    except UnreadableScenario as error:
        return Result(path.stem, differences=[str(error)])


def _lines(result: Result) -> list[str]:
    return [line for difference in result.differences for line in difference.splitlines()]


def _log_lines(result: Result) -> list[str]:
    lines = []
    for name, log in result.logs.items():
        lines += [_indent(f"the end of the {name}'s log:"), *(_indent(_indent(row)) for row in log)]
    return lines


def _indent(line: str) -> str:
    return f"    {line}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.scenarios",
        description="Play scenario files, each against a server, a database and a worker process "
        "of its own, or on the bare engine in virtual time. The exit code is 0 only when none has "
        "failed, 2 when they could not be played.",
    )
    parser.add_argument("folder", type=Path, help="the folder with the scenario files")
    parser.add_argument("--only", default="*", metavar="GLOB", help="names of those to play")
    parser.add_argument(
        "--bare", action="store_true", help="play on the bare engine, one by one, without waiting"
    )
    parser.add_argument("--jobs", type=_positive, default=4, help="how many at a time (4)")
    parser.add_argument("--verbose", action="store_true", help="show logs of what has failed")
    parser.add_argument("--fail-fast", action="store_true", help="stop at the first that fails")
    return parser


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
