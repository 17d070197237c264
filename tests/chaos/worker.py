"""A worker process: ``python -m tests.chaos.worker ADDRESS FOLDER``."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from branchline.client import Worker
from tests.chaos.activities import Activities

_MOST_TASKS = 20


async def main(address: str, folder: str) -> None:
    """Work until SIGTERM."""
    worker = Worker(address, Activities(Path(folder)).all, max_tasks=_MOST_TASKS, grace=2)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
