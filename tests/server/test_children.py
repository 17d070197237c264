"""Children over the API: begun with the step that asks for them, and told of (semantics 11)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from grpc import StatusCode

from branchline.v1 import event_pb2, execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.server.clocks import HandClock
from tests.server.door import Door
from tests.server.families import family, got
from tests.server.flows import flow, listen, sleep, spawn, work
from tests.server.refusals import refused
from tests.server.serving import Served, serving
from tests.server.worker import completed, failed

UNAVAILABLE = (StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
COMPLETED = execution_pb2.EXECUTION_STATUS_COMPLETED
FAILED = execution_pb2.EXECUTION_STATUS_FAILED
CANCELED = execution_pb2.EXECUTION_STATUS_CANCELED
SUSPENDED = execution_pb2.EXECUTION_STATUS_SUSPENDED


@pytest.fixture
def commits(door: Callable[[str], Door]) -> Door:
    """The door before every commit."""
    return door("commit")


async def test_a_child_begins_with_its_parent_and_its_result_comes_back(served: Served) -> None:
    await served.register(flow(work(store="n"), name="child", inputs=["x"], outputs=["n"]))
    await served.register(flow(spawn(inputs={"x": "${inputs.x}"}), inputs=["x"]))
    execution_id = await served.start({"x": 7})
    [child] = await family(served, execution_id)
    told = await served.get(child.id)
    assert (told.parent, told.depth, told.inputs_json) == (execution_id, 1, '{"x":7}')
    worker = await served.worker()
    await worker.complete(await worker.task(), result=[1])
    parent = await served.closed(execution_id)
    assert parent.status == COMPLETED
    result = got(parent)
    assert result.pop("duration") >= 0
    assert result == {
        "outputs": {"n": [1]},
        "status": "COMPLETED",
        "execution_id": child.id,
        "success": True,
    }


async def test_a_parent_that_is_not_stored_has_no_child(served: Served, commits: Door) -> None:
    await served.register(flow(listen(), name="child"))
    await served.register(flow(spawn()))
    commits.fail(1)
    assert (await refused(served.start())).what == UNAVAILABLE
    assert await family(served) == []
    execution_id = await served.start()
    assert len(await family(served, execution_id)) == 1


async def test_the_end_of_a_child_is_stored_together_with_its_parents_next_step(
    served: Served, commits: Door
) -> None:
    await served.register(flow(listen(), name="child"))
    await served.register(flow(spawn()))
    execution_id = await served.start()
    [child] = await family(served, execution_id)
    commits.fail(1)
    assert (await refused(served.signal(child.id))).what == UNAVAILABLE
    assert {execution.status for execution in await family(served)} == {SUSPENDED}
    await served.signal(child.id)
    assert {execution.status for execution in await family(served)} == {COMPLETED}


async def test_a_parent_waits_over_a_restart(path: Path) -> None:
    async with serving(path) as served:
        await served.register(flow(listen(), name="child"))
        await served.register(flow(spawn(items=[1, 2])))
        execution_id = await served.start()
        children = await family(served, execution_id)
        await served.signal(children[1].id)
    async with serving(path) as served:
        assert (await served.get(execution_id)).status == SUSPENDED
        await served.signal(children[0].id)
        results = got(await served.closed(execution_id))
        assert [result["execution_id"] for result in results] == [child.id for child in children]


async def test_a_child_that_nobody_waits_for_lives_on_after_a_restart(path: Path) -> None:
    async with serving(path) as served:
        await served.register(flow(listen(), name="child"))
        await served.register(flow(spawn(wait=False)))
        execution_id = await served.start()
        parent = await served.closed(execution_id)
    async with serving(path) as served:
        result = got(parent)
        assert result == {"execution_id": result["execution_id"], "workflow_name": "child"}
        await served.signal(result["execution_id"])
        assert (await served.closed(result["execution_id"])).parent == execution_id


async def test_a_cancellation_that_is_not_stored_leaves_all_alive(
    served: Served, commits: Door
) -> None:
    await served.register(flow(listen(), name="child"))
    await served.register(flow(spawn(items=[1, 2, 3])))
    execution_id = await served.start()
    commits.fail(1)
    assert (await refused(served.cancel(execution_id))).what == UNAVAILABLE
    assert {execution.status for execution in await family(served)} == {SUSPENDED}


async def test_the_workers_of_cancelled_children_are_told(served: Served) -> None:
    await served.register(flow(work(), name="child"))
    await served.register(flow(spawn()))
    execution_id = await served.start()
    worker = await served.worker()
    task = await worker.task()
    await served.cancel(execution_id)
    assert (await worker.cancellation()).token == task.token


async def test_a_child_that_ends_together_with_its_parent_keeps_its_own_end(
    served: Served,
) -> None:
    await served.register(flow(work("inner"), name="child"))
    fork = sleep("fork", span=0.001)
    fork.next.add(step="spawn", branch="left")
    fork.next.add(step="outer", branch="right")
    await served.register(flow(fork, spawn(), work("outer")))
    execution_id = await served.start()
    worker = await served.worker("inner", "outer")
    tasks = {task.activity: task for task in await worker.tasks(2)}
    await worker.send(outcomes=(completed(tasks["inner"]), failed(tasks["outer"])))
    assert all([(await worker.ack()).accepted for _ in range(2)])
    assert (await served.closed(execution_id)).status == FAILED
    [child] = await family(served, execution_id)
    assert child.status == COMPLETED


async def test_a_child_whose_parent_is_gone_ends_for_itself(served: Served) -> None:
    await served.register(flow(listen(), name="child"))
    await served.register(flow(spawn("spawn", "second", wait=False), spawn("second")))
    execution_id = await served.start()
    first, second = await family(served, execution_id)
    await served.cancel(execution_id)
    await served.delete(execution_id)
    assert (await served.get(second.id)).status == CANCELED
    await served.signal(first.id)
    assert (await served.closed(first.id)).status == COMPLETED


async def test_a_cancelled_child_fails_its_parent_and_another_is_started(served: Served) -> None:
    await served.register(flow(listen(), name="child"))
    await served.register(flow(spawn(retries=1)))
    execution_id = await served.start()
    [first] = await family(served, execution_id)
    await served.cancel(first.id)
    while len(children := await family(served, execution_id)) < 2:
        pass
    await served.cancel(children[1].id)
    parent = await served.closed(execution_id)
    assert (parent.status, parent.error.type) == (FAILED, "child_canceled")


async def test_a_retried_parent_waits_for_a_new_child_alone(served: Served) -> None:
    await served.register(flow(work(), name="child"))
    await served.register(flow(spawn()))
    execution_id = await served.start()
    [first] = await family(served, execution_id)
    await served.cancel(first.id)
    await served.closed(execution_id)
    await served.retry(execution_id)
    _, second = await family(served, execution_id)
    worker = await served.worker()
    await worker.complete(await worker.task())
    await served.closed(execution_id)
    assert got(await served.get(execution_id))["execution_id"] == second.id


async def test_a_child_that_fails_again_after_a_retry_of_its_own_changes_nothing(
    served: Served,
) -> None:
    definition = flow(sleep("sleep", "never", span=0.001), work("never"), name="child")
    definition.steps[0].next[0].condition = "state.nothing"
    await served.register(definition)
    await served.register(flow(spawn()))
    execution_id = await served.start()
    before = await served.closed(execution_id)
    assert before.error.type == "expression_error"
    [child] = await family(served, execution_id)
    await served.retry(child.id)
    assert (await served.closed(child.id)).status == FAILED
    assert await served.get(execution_id) == before


async def test_a_parent_tells_what_it_waits_for(path: Path, clock: HandClock) -> None:
    async with serving(path, clock) as served:
        await served.register(flow(listen(wait=50), name="child"))
        await served.register(flow(spawn(items=[*range(120)], timeout=20)))
        execution_id = await served.start()
        execution = await served.get(execution_id)
        assert execution.status == SUSPENDED
        suspension = execution.suspension
        assert suspension.reason == execution_pb2.SUSPENSION_REASON_WAITING_CHILD
        assert list(suspension.topics) == []
        wake = execution.start_time.ToMicroseconds() + 20_000_000
        assert suspension.wake_time.ToMicroseconds() == wake
        [branch] = suspension.branches
        assert (branch.branch, branch.step) == ("main", "spawn")
        assert branch.wake_time == suspension.wake_time
        children = await family(served, execution_id)
        assert list(branch.children) == [child.id for child in children][:100]


async def test_all_events_of_children_are_told(served: Served) -> None:
    await served.register(flow(listen(), name="child"))
    await served.register(flow(sleep(span=0.001), name="nap"))
    await served.register(
        flow(
            spawn("nap", "lonely", workflow="nap"),
            spawn("lonely", "late", wait=False),
            spawn("late", "rest", timeout=0.05, retries=1),
            listen("rest"),
        )
    )
    execution_id = await served.start()
    request = pb.WatchExecutionRequest(execution_id=execution_id)
    watch = served.executions.WatchExecution(request)
    seen: list[event_pb2.Event] = []
    async for response in watch:
        seen += response.events
        timed_out = [event for event in seen if event.HasField("child_timed_out")]
        if len(timed_out) == 1 and seen[-1].HasField("child_started"):
            await served.cancel(execution_id)
    told = [event for event in seen if "child" in str(event.WhichOneof("event"))]
    assert [event.WhichOneof("event") for event in told] == [
        *("child_requested", "child_started", "child_completed"),
        *("child_requested", "child_started"),
        *("child_requested", "child_started", "child_timed_out"),
        *("child_requested", "child_started", "children_stopped"),
    ]
    asked = [event.child_requested for event in told if event.HasField("child_requested")]
    assert [(a.child, a.workflow, a.wait, a.attempt) for a in asked] == [
        (1, "nap", True, 1),
        (2, "child", False, 1),
        (3, "child", True, 1),
        (4, "child", True, 2),
    ]
    begun = [event.child_started for event in told if event.HasField("child_started")]
    assert told[7].child_timed_out.execution_id == begun[2].execution_id
    assert begun[2].HasField("until")
    assert list(told[-1].children_stopped.execution_ids) == [begun[3].execution_id]
    assert seen == await served.events(execution_id)
    firsts = [(await served.events(event.execution_id))[0] for event in begun]
    started = [first.execution_started for first in firsts]
    assert [(event.parent, event.child) for event in started] == [
        (execution_id, number) for number in (1, 0, 3, 4)
    ]
    statuses = [(await served.get(event.execution_id)).status for event in begun]
    assert statuses == [COMPLETED, SUSPENDED, CANCELED, CANCELED]


async def test_what_cannot_be_started_is_told_in_the_error(served: Served) -> None:
    await served.register(flow(work(), name="child", inputs=["x", "y"]))
    await served.register(flow(spawn(workflow="nobody"), name="unknown"))
    await served.register(flow(spawn(inputs={"z": 1}), name="bad"))
    unknown = await served.closed(await served.start(workflow="unknown"))
    assert unknown.error.type == "child_start_failed"
    assert '"nobody"' in unknown.error.message
    bad = await served.closed(await served.start(workflow="bad"))
    assert bad.error.type == "child_start_failed"
    for name in ('"x"', '"y"', '"z"'):
        assert name in bad.error.message
    assert len(await family(served)) == 2


async def test_a_recursion_without_end_ends(served: Served) -> None:
    await served.register(flow(spawn(workflow="flow")))
    execution = await served.closed(await served.start())
    assert (execution.status, execution.error.type) == (FAILED, "child_depth")
    found = await family(served)
    assert len(found) == 33
    assert {execution.status for execution in found} == {FAILED}
