"""A server that goes down in order keeps nothing back from the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from branchline.server.storage import Batch, Store, TaskRow
from tests.server.flows import flow, work
from tests.server.sharing import Member, Together, together
from tests.server.worker import PATIENCE

LEASE = 600
"""Seconds: longer than anybody waits."""


class Starting:
    """Holds the commits that store starts, with the tasks that go to workers at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._knocked = asyncio.Event()
        real = Store.commit

        async def commit(store: Store, batch: Batch) -> list[TaskRow]:
            if batch.started and not self._open.is_set():
                self._knocked.set()
                await self._open.wait()
            return await real(store, batch)

        monkeypatch.setattr(Store, "commit", commit)

    async def while_stopping(self, one: Member, ended: asyncio.Future[Any]) -> str:
        """Start an execution that is stored when the streams of its server have ended; its id."""
        self._open.clear()
        starting = asyncio.create_task(one.served.start())
        await self._knocked.wait()
        stopping = asyncio.create_task(one.stop())
        await asyncio.wait([ended], timeout=PATIENCE)
        self._open.set()
        await stopping
        return await starting


@pytest.fixture
async def servers() -> AsyncIterator[Together]:
    """A database for several servers."""
    async with together() as servers:
        yield servers


@pytest.fixture
def starting(monkeypatch: pytest.MonkeyPatch) -> Starting:
    """Starts that take as long as the test wants."""
    return Starting(monkeypatch)


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
async def test_a_task_that_did_not_reach_its_worker_goes_to_another_at_once(
    servers: Together, starting: Starting, *, busy: bool
) -> None:
    one, other = await servers.join(lease=LEASE), await servers.join(lease=LEASE)
    await one.served.register(flow(work()))
    worker = await one.served.worker(max_tasks=10)
    if busy:  # The server remembers it then: it may come again.
        await one.served.start()
        await worker.task()
    execution_id = await starting.while_stopping(one, asyncio.ensure_future(worker.end()))
    async with asyncio.timeout(PATIENCE):
        [task] = await other.served.poll(20)
    assert task.execution_id == execution_id


async def test_a_task_for_a_poll_that_was_ended_goes_to_another_at_once(
    servers: Together, starting: Starting
) -> None:
    one, other = await servers.join(lease=LEASE), await servers.join(lease=LEASE)
    await one.served.register(flow(work()))
    polling = asyncio.ensure_future(one.served.poll(20))
    execution_id = await starting.while_stopping(one, polling)
    assert polling.exception() is not None
    async with asyncio.timeout(PATIENCE):
        [task] = await other.served.poll(20)
    assert task.execution_id == execution_id
