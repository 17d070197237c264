"""A full inbox: callers are refused, what goes on is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from grpc import StatusCode

from branchline.v1 import execution_service_pb2 as pb
from tests.server.door import Door
from tests.server.flows import flow, listen, work
from tests.server.refusals import Refusal, attempt, refused
from tests.server.serving import serving


async def test_a_full_inbox_refuses_callers_but_takes_outcomes(
    path: Path, door: Callable[[str], Door]
) -> None:
    async with serving(path, max_inbox=2) as served:
        await served.register(flow(listen()))
        await served.register(flow(work(), name="one"))
        await served.start(workflow="one")
        worker = await served.worker()
        task = await worker.task()
        commits = door("commit")
        commits.shut()
        under_way = asyncio.ensure_future(served.start())
        await commits.knocked.wait()
        waiting: set[asyncio.Task[Refusal | str]] = set()
        for _ in range(5):
            waiting.add(asyncio.create_task(attempt(served.start())))
        refusals: list[Refusal | str] = []
        while len(refusals) < 3:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            refusals += [item.result() for item in done]
        for refusal in refusals:
            assert isinstance(refusal, Refusal)
            assert refusal.what == (StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
            assert refusal.retry_after == 0.5
            assert "try again" in refusal.message
        await worker.complete(task)
        commits.let_in()
        assert (await worker.ack()).accepted
        await under_way
        assert [type(item) for item in await asyncio.gather(*waiting)] == [str, str]


async def test_a_full_inbox_refuses_many_at_once_without_a_look_at_them(
    path: Path, door: Callable[[str], Door]
) -> None:
    async with serving(path, max_inbox=1) as served:
        await served.register(flow(listen()))
        commits = door("commit")
        commits.shut()
        under_way = asyncio.ensure_future(served.start())
        await commits.knocked.wait()
        waiting = [asyncio.create_task(attempt(served.start())) for _ in range(2)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        starts = pb.StartExecutionsRequest(requests=[pb.StartExecutionRequest()])
        signals = pb.SignalExecutionsRequest(requests=[pb.SignalExecutionRequest()])
        for call in (
            served.executions.StartExecutions(starts),
            served.executions.SignalExecutions(signals),
        ):
            refusal = await refused(call)
            assert refusal.what == (StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
            assert refusal.retry_after == 0.5
        commits.let_in()
        await under_way
        assert await asyncio.gather(*waiting)
        assert (await served.executions.StartExecutions(starts)).results[0].HasField("error")
