"""A server that stops and starts again on the same file."""

from __future__ import annotations

import asyncio
from pathlib import Path

from grpc import StatusCode

from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.server.flows import flow, listen, seconds, sleep, work
from tests.server.refusals import refused
from tests.server.serving import serving

SHUTTING_DOWN = (StatusCode.UNAVAILABLE, "SHUTTING_DOWN")


async def test_what_was_under_way_goes_on(path: Path) -> None:
    async with serving(path) as served:
        await served.register(flow(work("work", "listen"), listen("listen", "nap"), sleep("nap")))
        execution_id = await served.start()
        before = await served.events(execution_id)
    async with serving(path) as served:
        assert await served.events(execution_id) == before
        worker = await served.worker()
        await worker.complete(await worker.task())
        assert (await worker.ack()).accepted
        status = execution_pb2.EXECUTION_STATUS_SUSPENDED
        assert (await served.get(execution_id)).status == status
    async with serving(path) as served:
        await served.signal(execution_id)
        suspension = (await served.get(execution_id)).suspension
        assert suspension.reason == execution_pb2.SUSPENSION_REASON_SLEEPING


async def test_a_living_worker_keeps_its_work(path: Path) -> None:
    async with serving(path) as served:
        await served.register(flow(work()))
        execution_id = await served.start()
        worker = await served.worker()
        task = await worker.task()
        await served.stop()
        refusal = await worker.end()
        assert refusal is not None
        assert refusal.what == SHUTTING_DOWN
    async with serving(path) as served:
        worker = await served.worker(held=(task.token,))
        await worker.complete(task)
        assert (await worker.ack()).accepted
        await served.closed(execution_id)
        assert worker.waiting == 0


async def test_a_worker_that_never_comes_back_loses_its_work_after_a_lease(path: Path) -> None:
    async with serving(path) as served:
        await served.register(flow(work()))
        await served.start()
        [task] = await served.poll(20)
    async with serving(path, lease=0.2) as served:
        [again] = await served.poll(20)
        assert (again.delivery, again.attempt) == (2, 1)
        assert again.token != task.token


async def test_a_task_that_nobody_took_in_time_fails_also_after_a_restart(path: Path) -> None:
    definition = flow(work())
    definition.steps[0].schedule_timeout.CopyFrom(seconds(0.3))
    async with serving(path) as served:
        await served.register(definition)
        execution_id = await served.start()
    async with serving(path) as served:
        execution = await served.closed(execution_id)
        assert execution.error.type == "timeout"
        assert "schedule_timeout" in execution.error.message


async def test_a_sleep_ends_when_it_was_to_end_and_a_request_is_still_known(
    path: Path,
) -> None:
    async with serving(path) as served:
        await served.register(flow(sleep(span=0.2)))
        execution_id = await served.start(request_id="r")
    async with serving(path) as served:
        request = pb.StartExecutionRequest(workflow="flow", request_id="r")
        again = await served.executions.StartExecution(request)
        assert (again.execution_id, again.started) == (execution_id, False)
        execution = await served.closed(execution_id)
    span = execution.close_time.ToNanoseconds() - execution.start_time.ToNanoseconds()
    assert span >= 200_000_000


async def test_more_executions_than_are_kept_in_memory_are_read_when_needed(
    path: Path,
) -> None:
    async with serving(path, cached_dormant=2, cached_running=0) as served:
        await served.register(flow(work("work", "listen", store="n"), listen(), outputs=["n"]))
        ids = [await served.start() for _ in range(10)]
        worker = await served.worker()
        for number, task in enumerate(await worker.tasks(10)):
            assert task.execution_id == ids[number]
            await worker.complete(task, result=number)
            assert (await worker.ack()).accepted
        for number, execution_id in enumerate(ids):
            await served.signal(execution_id)
            assert (await served.closed(execution_id)).outputs_json == f'{{"n":{number}}}'


async def test_a_stop_in_order_tells_everybody_who_waits(path: Path) -> None:
    async with serving(path) as served:
        await served.register(flow(listen()))
        execution_id = await served.start()
        worker = await served.worker("other")
        request = pb.WatchExecutionRequest(execution_id=execution_id)
        watch = served.executions.WatchExecution(request)
        await watch.read()
        calls = [
            asyncio.ensure_future(refused(call))
            for call in (served.get(execution_id, wait=60), served.poll(60), watch.read())
        ]
        await served.get(execution_id)
        stopping = asyncio.ensure_future(served.stop())
        refusals = await asyncio.wait_for(asyncio.gather(*calls), 10)
        assert [refusal.what for refusal in refusals] == [SHUTTING_DOWN] * 3
        end = await worker.end()
        assert end is not None
        assert end.what == SHUTTING_DOWN
        await asyncio.wait_for(stopping, 10)


async def test_what_was_taken_in_is_stored_before_the_end(path: Path) -> None:
    async with serving(path) as served:
        await served.register(flow(listen()))
        starts = [asyncio.ensure_future(served.start()) for _ in range(50)]
        await asyncio.wait(starts, return_when=asyncio.FIRST_COMPLETED)
    results = await asyncio.gather(*starts, return_exceptions=True)
    acknowledged = {result for result in results if isinstance(result, str)}
    assert acknowledged
    async with serving(path) as served:
        listed = await served.executions.ListExecutions(pb.ListExecutionsRequest())
        assert acknowledged <= {execution.id for execution in listed.executions}
