"""The primary PostgreSQL is lost and its standby takes over: the server goes on without loss."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import asyncpg

from branchline.server.app import App
from branchline.server.settings import Settings
from branchline.v1 import execution_pb2, task_pb2
from tests.server.flows import flow, work
from tests.server.refusals import Refusal, attempt
from tests.server.serving import Served, connected
from tests.server.worker import completed
from tests.standby import replicated

STARTS = 150
LANES = 5
STEPS = ("first", "second")
PAUSE = 0.05
"""Seconds before something is repeated."""


class Users:
    """Callers and workers, who repeat what was refused."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self.started: dict[str, str] = {}
        """Executions by their requests, as far as they were acknowledged."""
        self.accepted: Counter[tuple[str, str]] = Counter()
        """The outcomes that were acknowledged, by execution and step."""
        self.refused: list[Refusal] = []
        self.half = asyncio.Event()
        """Half of the executions are started."""

    async def start(self, lane: int) -> None:
        """Start executions one after the other."""
        for number in range(lane, STARTS, LANES):
            request = f"request-{number}"
            answer = await attempt(self._served.start(request_id=request))
            while isinstance(answer, Refusal):
                await self._pause(answer)
                answer = await attempt(self._served.start(request_id=request))
            self.started[request] = answer
            if len(self.started) > STARTS // 2:
                self.half.set()

    async def work(self) -> None:
        """Do what there is to do, for ever."""
        while True:
            tasks = await attempt(self._served.poll(1, *STEPS, most=10))
            if isinstance(tasks, Refusal):
                await self._pause(tasks)
            else:
                await asyncio.gather(*map(self._report, tasks))

    async def _report(self, task: task_pb2.Task) -> None:
        while True:
            answer = await attempt(self._served.report(completed(task)))
            if isinstance(answer, Refusal):
                await self._pause(answer)
            elif answer[0].accepted:
                self.accepted[task.execution_id, task.step] += 1
                return
            elif answer[0].reason == "STORE_UNAVAILABLE":
                await asyncio.sleep(PAUSE)
            else:
                # It was stored, and the answer lost.
                assert answer[0].reason == "LEASE_LOST"
                return

    async def _pause(self, refusal: Refusal) -> None:
        assert refusal.reason in {"STORE_UNAVAILABLE", "OVERLOADED"}, refusal
        self.refused.append(refusal)
        await asyncio.sleep(PAUSE)


async def test_a_server_goes_on_at_the_standby_without_loss() -> None:
    async with AsyncExitStack() as stack:
        pair = await stack.enter_async_context(replicated())
        settings = Settings(database_url=pair.url, listen="127.0.0.1:0", lease=2)
        app = await stack.enter_async_context(App(settings))
        served = await stack.enter_async_context(connected(app.port))
        await served.register(flow(work("first", "second"), work("second")))
        users = Users(served)
        working = asyncio.gather(*(users.work() for _ in range(LANES)))
        starting = asyncio.gather(*(users.start(lane) for lane in range(LANES)))
        await asyncio.wait_for(users.half.wait(), 30)
        await pair.fail_over()
        await asyncio.wait_for(starting, 30)
        for execution_id in users.started.values():
            execution = await served.closed(execution_id)
            assert execution.status == execution_pb2.EXECUTION_STATUS_COMPLETED
        working.cancel()
        assert users.refused  # It was noticed.
        assert len(set(users.started.values())) == STARTS
        assert set(users.accepted.values()) == {1}
        connection = await asyncpg.connect(pair.standby.url)
        assert await connection.fetchval("SELECT count(*) FROM executions") == STARTS
        assert await connection.fetchval("SELECT count(*) FROM tasks") == 0
        await connection.close()
