"""Activities that wait, record and read their branch, over the API (semantics 7.7-7.9)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import StatusCode

from branchline.v1 import execution_pb2, task_pb2
from tests.server.door import Door
from tests.server.flows import flow, hold, seconds, work
from tests.server.refusals import refused
from tests.server.serving import Served, serving
from tests.server.worker import Worker, completed, failed, recorded, released, waits

LEASE_LOST = (StatusCode.FAILED_PRECONDITION, "LEASE_LOST")
BAD_FIELD = "INVALID_FIELD"


async def wait_for_signal(
    worker: Worker, task: task_pb2.Task, key: str = "1", timeout: float = 600
) -> None:
    """Report that the activity waits, and see it accepted."""
    await worker.send(outcomes=(waits(task, key=key, timeout=timeout),))
    assert (await worker.ack()).accepted


# Waits


async def test_a_wait_frees_its_worker_and_the_signal_brings_the_task_again(
    served: Served,
) -> None:
    await served.register(flow(work(store="x"), outputs=["x"]))
    worker = await served.worker(max_tasks=1)
    waiting = await served.start()
    task = await worker.task()
    await wait_for_signal(worker, task)
    other = await served.start()
    between = await worker.task()
    assert between.execution_id == other
    await worker.complete(between)
    await served.signal(waiting, payload='{"n":1}')
    again = await worker.task()
    assert (again.attempt, again.delivery) == (1, 2)
    assert again.token != task.token
    assert dict(again.received_json) == {"1": '{"n":1}'}
    await worker.complete(again, result=5)
    assert json.loads((await served.closed(waiting)).outputs_json) == {"x": 5}


async def test_a_second_outcome_of_a_task_that_waits_is_refused(served: Served) -> None:
    await served.register(flow(work()))
    await served.start()
    [task] = await served.poll(20)
    acks = await served.report(waits(task), completed(task))
    assert [(ack.accepted, ack.reason) for ack in acks] == [(True, ""), (False, "LEASE_LOST")]


async def test_a_wait_in_vain_comes_again_with_its_key(served: Served) -> None:
    await served.register(flow(work()))
    execution_id = await served.start()
    worker = await served.worker()
    task = await worker.task()
    await worker.send(outcomes=(waits(task, key="k", timeout=0.1),))
    again = await worker.task()
    assert (again.attempt, again.delivery, list(again.timed_out_waits)) == (1, 2, ["k"])
    await worker.complete(again)
    await served.closed(execution_id)


async def test_a_wait_survives_a_restart_and_a_task_comes_again_with_all_it_had(
    path: Path,
) -> None:
    async with serving(path) as served:
        await served.register(flow(work()))
        execution_id = await served.start()
        worker = await served.worker()
        task = await worker.task()
        await worker.send(records=(recorded(task, "dice", 6),))
        await wait_for_signal(worker, task, key="late", timeout=0.05)
        await wait_for_signal(worker, await worker.task())
    async with serving(path) as served:
        status = execution_pb2.EXECUTION_STATUS_SUSPENDED
        assert (await served.get(execution_id)).status == status
        await served.signal(execution_id, payload="[1]")
    async with serving(path) as served:
        [task] = await served.poll(20)
        assert (task.attempt, task.delivery) == (1, 3)
        assert dict(task.recorded_json) == {"dice": "6"}
        assert dict(task.received_json) == {"1": "[1]"}
        assert list(task.timed_out_waits) == ["late"]
        await served.report(completed(task))
        await served.closed(execution_id)


async def test_the_suspension_shows_the_topics_of_activities(served: Served) -> None:
    await served.register(flow(work(items=[1, 2])))
    execution_id = await served.start()
    first, second = await served.poll(20, most=2)
    await served.report(waits(first, "horn", timeout=900), waits(second, "bell", timeout=600))
    execution = await served.get(execution_id)
    assert execution.status == execution_pb2.EXECUTION_STATUS_SUSPENDED
    suspension = execution.suspension
    assert suspension.reason == execution_pb2.SUSPENSION_REASON_WAITING_SIGNAL
    assert list(suspension.topics) == ["bell", "horn"]
    [dormant] = suspension.branches
    assert (dormant.branch, dormant.step, dormant.topic) == ("main", "work", "bell")
    assert dormant.wake_time == suspension.wake_time
    left = suspension.wake_time.ToNanoseconds() - execution.start_time.ToNanoseconds()
    assert 600e9 <= left < 700e9


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (task_pb2.TaskWait(topic="go", timeout=seconds(1)), "waiting.key"),
        (task_pb2.TaskWait(key="k" * 201, topic="go", timeout=seconds(1)), "waiting.key"),
        (task_pb2.TaskWait(key="1", timeout=seconds(1)), "waiting.topic"),
        (task_pb2.TaskWait(key="1", topic="go"), "waiting.timeout"),
        (task_pb2.TaskWait(key="1", topic="go", timeout=Duration()), "waiting.timeout"),
        (task_pb2.TaskWait(key="1", topic="go", timeout=seconds(-1)), "waiting.timeout"),
    ],
    ids=["no key", "a long key", "no topic", "no timeout", "timeout of 0", "timeout below 0"],
)
async def test_a_bad_wait_is_refused_and_the_task_stays_the_workers(
    served: Served, change: task_pb2.TaskWait, told: str
) -> None:
    await served.register(flow(work()))
    execution_id = await served.start()
    [task] = await served.poll(20)
    [ack] = await served.report(task_pb2.TaskOutcome(token=task.token, waiting=change))
    assert (ack.accepted, ack.reason) == (False, BAD_FIELD)
    assert told in ack.message
    [ack] = await served.report(completed(task))
    assert ack.accepted
    await served.closed(execution_id)


# Records


async def test_records_are_answered_by_key_and_the_first_value_comes_again(
    served: Served,
) -> None:
    await served.register(flow(work()))
    await served.start()
    worker = await served.worker()
    task = await worker.task()
    await worker.send(records=(recorded(task, "a", 1), recorded(task, "b", None)))
    await worker.send(records=(recorded(task, "a", 2),))
    acks = [await worker.record_ack() for _ in range(3)]
    assert [(ack.token, ack.key, ack.accepted) for ack in acks] == [
        (task.token, "a", True),
        (task.token, "b", True),
        (task.token, "a", True),
    ]
    await worker.send(outcomes=(released(task),))
    again = await worker.task()
    assert dict(task.recorded_json) == {}
    assert dict(again.recorded_json) == {"a": "1", "b": "null"}


async def test_a_record_comes_before_an_outcome_of_the_same_call(served: Served) -> None:
    definition = flow(work())
    definition.steps[0].retry.add(error_equals=["all"], base_delay=seconds(0.01))
    await served.register(definition)
    await served.start()
    worker = await served.worker()
    task = await worker.task()
    await worker.send(records=(recorded(task, "dice", 6),), outcomes=(failed(task),))
    assert (await worker.record_ack()).accepted
    again = await worker.task()
    assert (again.attempt, dict(again.recorded_json)) == (2, {"dice": "6"})


async def test_a_record_survives_a_lost_lease_which_can_not_record_any_more(path: Path) -> None:
    async with serving(path, lease=0.2) as served:
        await served.register(flow(work()))
        execution_id = await served.start()
        [task] = await served.poll(20)
        [ack] = await served.record(recorded(task, "dice", 6))
        assert ack.accepted
        [again] = await served.poll(20)
        assert (again.delivery, dict(again.recorded_json)) == (2, {"dice": "6"})
        [ack] = await served.record(recorded(task, "late", 1))
        assert (ack.accepted, ack.reason, ack.key) == (False, "LEASE_LOST", "late")
        assert ack.message
        events = await served.events(execution_id)
        assert sum(event.HasField("value_recorded") for event in events) == 1


async def test_a_record_survives_a_restart(path: Path) -> None:
    async with serving(path) as served:
        await served.register(flow(work()))
        await served.start()
        [task] = await served.poll(20)
        await served.record(recorded(task, "dice", {"n": 6}))
    async with serving(path, lease=0.2) as served:
        [again] = await served.poll(20)
        assert again.delivery == 2
        assert json.loads(again.recorded_json["dice"]) == {"n": 6}


async def test_a_record_that_could_not_be_stored_is_not_kept(
    served: Served, door: Callable[[str], Door]
) -> None:
    await served.register(flow(work()))
    await served.start()
    worker = await served.worker()
    task = await worker.task()
    door("commit").fail(1)
    await worker.send(records=(recorded(task, "dice", 6),))
    assert (await worker.record_ack()).reason == "STORE_UNAVAILABLE"
    await worker.send(records=(recorded(task, "dice", 2),))
    assert (await worker.record_ack()).accepted
    await worker.send(outcomes=(released(task),))
    assert dict((await worker.task()).recorded_json) == {"dice": "2"}


async def test_records_after_an_outcome_or_the_end_are_refused(served: Served) -> None:
    await served.register(flow(work()))
    execution_id = await served.start()
    [task] = await served.poll(20)
    await served.report(waits(task))
    [ack] = await served.record(recorded(task, "dice", 6))
    assert (ack.accepted, ack.reason) == (False, "LEASE_LOST")
    await served.signal(execution_id)
    [again] = await served.poll(20)
    assert dict(again.recorded_json) == {}
    await served.cancel(execution_id)
    [ack] = await served.record(recorded(again, "dice", 6))
    assert (ack.accepted, ack.reason) == (False, "LEASE_LOST")


@pytest.mark.parametrize(
    ("key", "text", "reason", "told"),
    [
        ("", "1", BAD_FIELD, "key"),
        ("k" * 201, "1", BAD_FIELD, "key"),
        ("k", "{", BAD_FIELD, "value_json"),
        ("k", '"' + "x" * 1_100_000 + '"', "PAYLOAD_TOO_LARGE", "value_json"),
    ],
    ids=["no key", "a long key", "no JSON", "a large value"],
)
async def test_a_bad_record_is_refused(
    path: Path, key: str, text: str, reason: str, told: str
) -> None:
    async with serving(path, max_payload=1_000_000) as served:
        await served.register(flow(work()))
        await served.start()
        [task] = await served.poll(20)
        record = task_pb2.TaskRecord(token=task.token, key=key, value_json=text)
        [ack] = await served.record(record)
        assert (ack.accepted, ack.reason) == (False, reason)
        assert told in ack.message


# The branch's state


async def test_an_activity_reads_its_branch_and_the_inputs(served: Served) -> None:
    definition = flow(work("first", "work", store="x"), work(), inputs=["who"], state={"n": [1]})
    await served.register(definition)
    await served.start({"who": "Ada"})
    worker = await served.worker("first", "work")
    task = await worker.task()
    assert await served.branch_state(task.token) == ({"n": [1]}, {"who": "Ada"})
    await worker.complete(task, result="done")
    second = await worker.task()
    assert await served.branch_state(second.token) == ({"n": [1], "x": "done"}, {"who": "Ada"})


async def test_a_branch_is_not_read_without_its_lease(served: Served) -> None:
    await served.register(flow(work("work", "hold"), hold("hold", "end"), work("end")))
    await served.start()
    [task] = await served.poll(20)
    await served.report(completed(task))
    assert (await refused(served.branch_state(task.token))).what == LEASE_LOST
    refusal = await refused(served.branch_state(""))
    assert (refusal.code, list(refusal.violations)) == (StatusCode.INVALID_ARGUMENT, ["token"])
    refusal = await refused(served.branch_state("nonsense"))
    assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_TASK_TOKEN")
