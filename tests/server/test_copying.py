"""Executions go on in a copy of their database as if nothing had been."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from branchline.server.app import App
from branchline.server.settings import Settings
from branchline.server.storage import CopyStep, copy_database
from branchline.v1 import execution_pb2
from tests.postgres import new_database
from tests.server.flows import flow, listen, work
from tests.server.serving import Served, connected
from tests.server.worker import completed

COMPLETED = execution_pb2.EXECUTION_STATUS_COMPLETED


@asynccontextmanager
async def serving(url: str) -> AsyncIterator[Served]:
    """A server on a database of either kind."""
    settings = Settings(database_url=url, listen="127.0.0.1:0", shutdown_grace=1.0)
    async with App(settings) as app, connected(app.port) as served:
        yield served


def ignore(_: CopyStep) -> None:
    """Nobody looks on."""


@pytest.mark.parametrize("by_way_of", ["sqlite", "postgresql"])
async def test_tasks_and_waits_go_on_in_a_copy(tmp_path: Path, by_way_of: str) -> None:
    """A worker's token from before stays good, on the second database and the third."""
    first, third = (f"sqlite:///{tmp_path}/{name}.db" for name in ("first", "third"))
    async with new_database() as postgres:
        second = postgres if by_way_of == "postgresql" else f"sqlite:///{tmp_path}/second.db"
        async with serving(first) as served:
            await served.register(flow(work("work", "listen"), listen()))
            started = [await served.start() for _ in range(3)]
            tasks = await served.poll(20, most=3)
        await copy_database(first, second, ignore)
        async with serving(second) as served:
            [ack] = await served.report(completed(tasks[0]))
            assert ack.accepted, ack
            await served.signal(started[0])
            assert (await served.closed(started[0])).status == COMPLETED
            histories = [await served.events(execution_id) for execution_id in started]
        await copy_database(second, third, ignore)
    async with serving(third) as served:
        assert [await served.events(execution_id) for execution_id in started] == histories
        for task, execution_id in zip(tasks[1:], started[1:], strict=True):
            [ack] = await served.report(completed(task))
            assert ack.accepted, ack
            await served.signal(execution_id)
            assert (await served.closed(execution_id)).status == COMPLETED
