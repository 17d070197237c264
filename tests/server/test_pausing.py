"""Pausing executions through the API (semantics 4.7, 4.8, 10.4, 10.5)."""

from __future__ import annotations

from pathlib import Path

import pytest
from grpc import StatusCode

from branchline.v1 import event_pb2, execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.server.clocks import HandClock
from tests.server.flows import flow, hold, listen, sleep, work
from tests.server.refusals import refused
from tests.server.serving import Served, serving
from tests.server.worker import completed

PAUSED = execution_pb2.EXECUTION_STATUS_PAUSED
SUSPENDED = execution_pb2.EXECUTION_STATUS_SUSPENDED
RUNNING = execution_pb2.EXECUTION_STATUS_RUNNING


async def paused_ids(served: Served) -> list[str]:
    """The executions that are listed as paused."""
    request = pb.ListExecutionsRequest(filter=pb.ExecutionFilter(statuses=[PAUSED]))
    response = await served.executions.ListExecutions(request)
    return [execution.id for execution in response.executions]


async def test_a_pause_step_holds_until_the_unpause(served: Served) -> None:
    await served.register(flow(hold("gate", "work", reason="look first"), work()))
    execution_id = await served.start()
    execution = await served.get(execution_id)
    assert execution.status == PAUSED
    assert execution.branches[0].status == execution_pb2.BRANCH_STATUS_PAUSED
    [dormant] = execution.suspension.branches
    assert (dormant.branch, dormant.step, dormant.pause_reason) == ("main", "gate", "look first")
    assert execution.suspension.reason == execution_pb2.SUSPENSION_REASON_PAUSED
    await served.unpause(execution_id)
    [task] = await served.poll(20)
    assert task.step == "work"


async def test_a_pause_waits_for_the_activity_that_runs(served: Served) -> None:
    await served.register(flow(work("work", "listen"), listen()))
    execution_id = await served.start()
    [task] = await served.poll(20)
    await served.pause(execution_id, reason="lunch")
    assert (await served.get(execution_id)).status == RUNNING
    await served.report(completed(task))
    execution = await served.get(execution_id)
    assert execution.status == PAUSED
    assert (execution.branches[0].step, execution.suspension.branches[0].step) == ("work", "work")
    assert execution.suspension.branches[0].pause_reason == "lunch"
    await served.unpause(execution_id)
    assert (await served.get(execution_id)).status == SUSPENDED


async def test_a_paused_sleep_shows_no_wake_time_and_gets_one_again(
    path: Path, clock: HandClock
) -> None:
    async with serving(path, clock) as served:
        await served.register(flow(sleep(span=10)))
        execution_id = await served.start()
        before = (await served.get(execution_id)).suspension.wake_time.ToMicroseconds()
        await served.pause(execution_id, "main")
        suspension = (await served.get(execution_id)).suspension
        assert not suspension.HasField("wake_time")
        clock.move(60)
        await served.unpause(execution_id, "main")
        after = (await served.get(execution_id)).suspension.wake_time.ToMicroseconds()
        assert after - before == 60_000_000


async def test_paused_executions_are_listed(served: Served) -> None:
    await served.register(flow(listen()))
    for name in ("a", "b", "c"):
        await served.start(id=name)
    await served.pause("a")
    await served.pause("c", "main")
    assert await paused_ids(served) == ["c", "a"]
    await served.unpause("a")
    assert await paused_ids(served) == ["c"]


async def test_a_signal_to_a_paused_waiter_is_kept(served: Served) -> None:
    await served.register(flow(listen(), outputs=["heard"]))
    execution_id = await served.start()
    await served.pause(execution_id)
    await served.signal(execution_id, payload="1")
    assert (await served.get(execution_id)).status == PAUSED
    await served.unpause(execution_id)
    assert (await served.closed(execution_id)).outputs_json == '{"heard":1}'


async def test_a_pause_outlives_the_server(path: Path) -> None:
    async with serving(path) as served:
        await served.register(flow(listen(), outputs=["heard"]))
        await served.register(flow(hold("gate", "nap"), sleep("nap"), name="held"))
        await served.start(id="a")
        await served.start(id="b", workflow="held")
        await served.pause("a", reason="night")
        await served.signal("a", payload="1")
    async with serving(path) as served:
        assert await paused_ids(served) == ["b", "a"]
        execution = await served.get("a")
        assert (execution.status, execution.suspension.branches[0].pause_reason) == (
            PAUSED,
            "night",
        )
        await served.unpause("a")
        await served.unpause("b")
        assert (await served.closed("a")).outputs_json == '{"heard":1}'
        assert (await served.get("b")).status == SUSPENDED


async def test_repeating_a_pause_and_an_unpause_adds_nothing(served: Served) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start()
    await served.unpause(execution_id)
    await served.pause(execution_id, reason="one")
    before = (await served.get(execution_id)).last_sequence
    await served.pause(execution_id, reason="one")
    assert (await served.get(execution_id)).last_sequence == before
    await served.pause(execution_id, reason="two")
    suspension = (await served.get(execution_id)).suspension
    assert suspension.branches[0].pause_reason == "two"


async def test_the_events_tell_what_comes_next(served: Served) -> None:
    await served.register(flow(hold("gate", "listen", reason="look"), listen()))
    execution_id = await served.start()
    await served.pause(execution_id, reason="more")
    await served.unpause(execution_id)
    events = await served.events(execution_id)
    [paused] = [event.branch_paused for event in events if event.HasField("branch_paused")]
    assert (paused.branch, paused.reason, paused.step) == ("main", "look", "listen")
    assert paused.next == event_pb2.NEXT_MOVE_ENTER
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[2:] == [
        "branch_paused",
        "pause_requested",
        "branch_unpaused",
        "step_completed",
        "step_started",
        "signal_awaited",
    ]


@pytest.mark.parametrize("call", ["pause", "unpause"])
async def test_a_branch_that_is_not_there_or_has_ended_is_refused(
    served: Served, call: str
) -> None:
    definition = flow(work("work", "listen"), listen())
    definition.steps[0].next[0].branch = "ear"
    await served.register(definition)
    execution_id = await served.start()
    [task] = await served.poll(20)
    await served.report(completed(task))
    refusal = await refused(getattr(served, call)(execution_id, "nobody"))
    assert refusal.what == (StatusCode.NOT_FOUND, "BRANCH_NOT_FOUND")
    assert '"nobody"' in refusal.message
    refusal = await refused(getattr(served, call)(execution_id, "main"))
    assert refusal.what == (StatusCode.FAILED_PRECONDITION, "BRANCH_ENDED")
    assert "COMPLETED" in refusal.message
    await getattr(served, call)(execution_id, "ear")


async def test_a_reason_that_is_too_long_is_refused(served: Served) -> None:
    refusal = await refused(served.pause("nobody", reason="x" * 1_001))
    assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert set(refusal.violations) == {"reason"}


@pytest.mark.parametrize("call", ["pause", "unpause", "retry"])
async def test_a_call_without_an_execution_is_refused(served: Served, call: str) -> None:
    refusal = await refused(getattr(served, call)(""))
    assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert set(refusal.violations) == {"execution_id"}
