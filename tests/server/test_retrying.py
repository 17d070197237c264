"""Taking failed executions up again through the API (semantics 4.9)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from grpc import StatusCode

from branchline.v1 import event_pb2, execution_pb2, workflow_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.server.clocks import HandClock
from tests.server.door import Door
from tests.server.flows import flow, listen, sleep, work
from tests.server.refusals import Refusal, attempt, refused
from tests.server.serving import Served, serving
from tests.server.worker import completed, failed

FAILED = execution_pb2.EXECUTION_STATUS_FAILED
RUNNING = execution_pb2.EXECUTION_STATUS_RUNNING
NOT_RETRYABLE = (StatusCode.FAILED_PRECONDITION, "NOT_RETRYABLE")


async def fail(served: Served, **fields: object) -> str:
    """Start ``flow``, whose first step is ``work``, and let its task fail."""
    execution_id = await served.start(**fields)
    [task] = await served.poll(20)
    await served.report(failed(task))
    assert (await served.closed(execution_id)).status == FAILED
    return execution_id


async def watched(served: Served, execution_id: str, after: int = 0) -> list[event_pb2.Event]:
    """What a watch gives until it ends."""
    request = pb.WatchExecutionRequest(execution_id=execution_id, after_sequence=after)
    call = served.executions.WatchExecution(request)
    return [event async for response in call for event in response.events]


async def test_a_closed_execution_is_taken_up_again_where_it_failed(served: Served) -> None:
    """It has left the memory when it closed: the retry reads it from the history."""
    await served.register(flow(work("work", store="n"), outputs=["n"]))
    execution_id = await fail(served)
    await served.retry(execution_id)
    execution = await served.get(execution_id)
    assert execution.status == RUNNING
    assert not execution.HasField("close_time")
    assert not execution.HasField("error")
    [task] = await served.poll(20)
    assert (task.execution_id, task.step, task.attempt, task.delivery) == (
        execution_id,
        "work",
        1,
        1,
    )
    await served.report(completed(task, 7))
    assert (await served.closed(execution_id)).outputs_json == '{"n":7}'


async def test_lists_show_a_retried_execution_as_it_is(served: Served) -> None:
    await served.register(flow(work()))
    execution_id = await fail(served)
    await served.retry(execution_id)
    [listed] = (await served.executions.ListExecutions(pb.ListExecutionsRequest())).executions
    assert (listed.id, listed.status) == (execution_id, RUNNING)
    assert not listed.HasField("close_time")
    assert not listed.HasField("error")
    chosen = pb.ExecutionFilter(statuses=[FAILED])
    request = pb.ListExecutionsRequest(filter=chosen)
    assert not (await served.executions.ListExecutions(request)).executions


async def test_a_retry_may_follow_a_restart_and_be_followed_by_one(path: Path) -> None:
    async with serving(path) as served:
        await served.register(flow(work("work", "listen"), listen()))
        execution_id = await fail(served)
    async with serving(path) as served:
        await served.retry(execution_id)
    async with serving(path) as served:
        [task] = await served.poll(20)
        await served.report(completed(task))
        await served.signal(execution_id)
        status = (await served.closed(execution_id)).status
        assert status == execution_pb2.EXECUTION_STATUS_COMPLETED


async def test_a_watch_goes_on_after_a_retry(served: Served) -> None:
    await served.register(flow(work()))
    execution_id = await fail(served)
    before = await watched(served, execution_id)
    assert before[-1].HasField("execution_failed")
    last = before[-1].sequence
    await served.retry(execution_id)
    rest = asyncio.ensure_future(watched(served, execution_id, after=last))
    every = asyncio.ensure_future(watched(served, execution_id))
    [task] = await served.poll(20)
    await served.report(completed(task))
    after = await asyncio.wait_for(rest, 20)
    assert after[0].HasField("execution_retried")
    assert after[1].branch_resumed.branch == "main"
    assert after[-1].HasField("execution_completed")
    assert await asyncio.wait_for(every, 20) == before + after
    numbers = [event.sequence for event in before + after]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_wait_for_the_close_waits_for_the_next_one(served: Served) -> None:
    await served.register(flow(work()))
    execution_id = await fail(served)
    await served.retry(execution_id)
    closing = asyncio.ensure_future(served.closed(execution_id))
    [task] = await served.poll(20)
    await served.report(failed(task, "again"))
    execution = await closing
    assert (execution.status, execution.error.type) == (FAILED, "again")


async def test_a_retry_that_fails_at_once_is_stored_as_the_new_end(
    path: Path, clock: HandClock
) -> None:
    definition = flow(work("work", "end"), work("end"))
    definition.steps[0].next[0].condition = "state.missing"
    async with serving(path, clock) as served:
        await served.register(definition)
        execution_id = await served.start()
        [task] = await served.poll(20)
        await served.report(completed(task))
        first = await served.closed(execution_id)
        clock.move(60)
        await served.retry(execution_id)
        [listed] = (await served.executions.ListExecutions(pb.ListExecutionsRequest())).executions
        assert listed.status == FAILED
        span = listed.close_time.ToMicroseconds() - first.close_time.ToMicroseconds()
        assert span == 60_000_000


async def test_a_timeout_is_given_again(served: Served) -> None:
    await served.register(flow(sleep(), timeout=0.1))
    execution_id = await served.start()
    assert (await served.closed(execution_id)).error.type == "timeout"
    await served.retry(execution_id)
    assert (await served.closed(execution_id)).error.type == "timeout"
    events = await served.events(execution_id)
    [retried] = [event for event in events if event.HasField("execution_retried")]
    limit = retried.execution_retried.deadline.ToMicroseconds() - retried.time.ToMicroseconds()
    assert limit == 100_000


async def test_what_has_not_failed_is_refused(served: Served) -> None:
    await served.register(flow(listen()))
    live, canceled, completed_one = [await served.start() for _ in range(3)]
    await served.cancel(canceled)
    await served.signal(completed_one)
    for execution_id, status in (
        (live, "SUSPENDED"),
        (canceled, "CANCELED"),
        (completed_one, "COMPLETED"),
    ):
        refusal = await refused(served.retry(execution_id))
        assert refusal.what == NOT_RETRYABLE
        assert status in refusal.message


@pytest.mark.parametrize("error", ["output_error", "join_deadlock"])
async def test_what_a_retry_cannot_mend_is_refused(served: Served, error: str) -> None:
    definition = flow(work("work", "gate"), outputs=["missing"])
    gate = workflow_pb2.Step(name="gate")
    if error == "join_deadlock":
        gate.join.branches.append("side")
        definition.steps.add(name="side", sleep=sleep("side").sleep)
        definition.steps[0].next.add(step="side", branch="side", condition="false")
    else:
        gate.CopyFrom(work("gate"))
    definition.steps.append(gate)
    await served.register(definition)
    execution_id = await served.start()
    for activity in ("work", "gate") if error == "output_error" else ("work",):
        [task] = await served.poll(20, activity)
        await served.report(completed(task))
    assert (await served.closed(execution_id)).error.type == error
    refusal = await refused(served.retry(execution_id))
    assert refusal.what == NOT_RETRYABLE
    assert error in refusal.message


async def test_of_retries_at_once_one_counts(served: Served) -> None:
    await served.register(flow(work()))
    execution_id = await fail(served)
    answers = await asyncio.gather(*(attempt(served.retry(execution_id)) for _ in range(10)))
    refusals = [answer for answer in answers if isinstance(answer, Refusal)]
    assert len(refusals) == 9
    assert {refusal.what for refusal in refusals} == {NOT_RETRYABLE}
    assert len(await served.poll(20, most=10)) == 1


async def test_a_retry_and_a_removal_at_once_leave_nothing_half_done(served: Served) -> None:
    await served.register(flow(work()))
    for order in (("retry", "delete"), ("delete", "retry")):
        execution_id = await fail(served)
        calls = [getattr(served, call)(execution_id) for call in order]
        answers = await asyncio.gather(*map(attempt, calls))
        assert [isinstance(answer, Refusal) for answer in answers].count(True) == 1
        if isinstance(answers[order.index("delete")], Refusal):
            [task] = await served.poll(20)
            await served.report(completed(task))
            await served.closed(execution_id)
        else:
            refusal = await refused(served.get(execution_id))
            assert refusal.reason == "EXECUTION_NOT_FOUND"


async def test_a_retry_that_is_not_stored_changes_nothing(
    path: Path, door: Callable[[str], Door]
) -> None:
    async with serving(path) as served:
        await served.register(flow(work()))
        execution_id = await fail(served)
        before = await served.events(execution_id)
        commits = door("commit")
        commits.fail(1)
        refusal = await refused(served.retry(execution_id))
        assert refusal.what == (StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
        assert await served.events(execution_id) == before
        assert (await served.get(execution_id)).status == FAILED
        await served.retry(execution_id)
        assert len(await served.poll(20)) == 1
