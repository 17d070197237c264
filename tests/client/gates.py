"""Activities that tests of workers run."""

from __future__ import annotations

import asyncio
import threading

from branchline.client import activity


@activity
async def double(n: int) -> int:
    return 2 * n


@activity
def double_in_thread(n: int) -> int:
    assert threading.current_thread() is not threading.main_thread()
    return 2 * n


class Gate:
    """An activity that tells when it has begun and ends when the test lets it."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.open = asyncio.Event()
        self.cancelled = asyncio.Event()

    @activity
    async def wait(self) -> str:
        self.begun.set()
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return "open"
