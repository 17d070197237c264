"""What is done when nothing has been done for a while."""

from __future__ import annotations

import asyncio

from branchline.server.storage.idle import IdleTimer


async def test_it_calls_back_once_after_each_busy_time() -> None:
    calls: asyncio.Queue[None] = asyncio.Queue()
    timer = IdleTimer(0.001, lambda: calls.put_nowait(None))
    for _ in range(3):
        timer.busy()
        timer.busy()
        await asyncio.wait_for(calls.get(), 10)
    assert calls.empty()


async def test_what_is_done_meanwhile_puts_it_off() -> None:
    loop = asyncio.get_running_loop()
    called_at = loop.create_future()
    timer = IdleTimer(0.05, lambda: called_at.set_result(loop.time()))
    timer.busy()
    busy_at = 0.0

    def busy_again() -> None:
        nonlocal busy_at
        busy_at = loop.time()
        timer.busy()

    loop.call_later(0.03, busy_again)
    assert await asyncio.wait_for(called_at, 10) >= busy_at + 0.05


async def test_a_stopped_one_does_not_call_back() -> None:
    calls: list[str] = []
    later = asyncio.Event()
    stopped = IdleTimer(0.001, lambda: calls.append("stopped"))
    stopped.busy()
    stopped.stop()
    other = IdleTimer(0.002, later.set)
    other.busy()
    await asyncio.wait_for(later.wait(), 10)
    assert calls == []
