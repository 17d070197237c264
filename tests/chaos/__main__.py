"""The command line: ``python -m tests.chaos --help``."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.checks import check
from tests.chaos.options import Options, read_options
from tests.chaos.play import Play
from tests.chaos.report import Report

# What the connections that are broken on purpose say is no news.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")


async def run(options: Options, folder: Path, report: Report) -> None:
    """Make one run, and check. SIGINT and SIGTERM end it, with all processes."""
    playing = asyncio.current_task()
    assert playing is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
    evidence = await Play(options, folder, report).run()
    check(evidence, report)


def main(arguments: Sequence[str]) -> int:
    """Make one run and tell what came of it. Returns 0 when no promise was broken."""
    options = read_options(arguments)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="branchline-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    report = Report()
    _print(
        f"seed {options.seed}: {options.seconds:g} s on {options.database}, {options.servers} "
        f"server(s), {options.workers} workers, {options.users} users"
    )
    began = time.monotonic()
    try:
        asyncio.run(run(options, folder, report))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write(f"interrupted; logs and data are in {folder}\n")
        return 2
    except Exception as error:  # noqa: BLE001 - whatever stops the run is what it has found
        traceback.print_exc()
        report.violation("a run comes to its end", repr(error))
    _print("\n".join(report.lines()))
    _print(f"seed {options.seed}: {time.monotonic() - began:.1f} s")
    if report.violations or options.keep or options.folder:
        _print(f"logs and data are in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if report.violations else 0


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
