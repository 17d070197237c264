"""ListStepVisits, and the names of effects, over the API (semantics 7.6, 12.4)."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from grpc import StatusCode

from branchline.server import step_visits
from branchline.v1 import execution_pb2, step_visit_pb2, task_pb2
from branchline.v1 import execution_service_pb2 as pb
from branchline.v1 import task_service_pb2 as tasks_pb
from tests.server.flows import flow, listen, seconds, work
from tests.server.refusals import refused
from tests.server.serving import Served, serving
from tests.server.worker import completed, failed, released, waits

COMPLETED = execution_pb2.BRANCH_STATUS_COMPLETED
RUNNING = execution_pb2.BRANCH_STATUS_RUNNING


async def visits_of(served: Served, execution_id: str) -> list[step_visit_pb2.StepVisit]:
    """All step visits of an execution."""
    request = pb.ListStepVisitsRequest(execution_id=execution_id)
    answer = await served.executions.ListStepVisits(request)
    assert answer.next_after_number == 0
    return list(answer.visits)


async def say(served: Served, task: task_pb2.Task, message: str, data: str = "") -> None:
    """Tell progress of a task."""
    beat = task_pb2.TaskHeartbeat(token=task.token, message=message, data_json=data)
    await served.tasks.ReportTasks(tasks_pb.ReportTasksRequest(heartbeats=[beat]))


async def progress_of(served: Served, execution_id: str) -> str:
    """What the last visit's activity has said last."""
    return (await visits_of(served, execution_id))[-1].progress.message


# Visits


async def test_visits_tell_how_the_steps_went(served: Served) -> None:
    await served.register(flow(work("work", "listen"), listen()))
    execution_id = await served.start()
    [task] = await served.poll(20)
    await say(served, task, "half", '{"done":1}')
    [visit] = await visits_of(served, execution_id)
    assert (visit.number, visit.branch, visit.step, visit.activity) == (2, "main", "work", "work")
    assert (visit.status, visit.attempt) == (RUNNING, 1)
    assert (visit.progress.message, visit.progress.data_json) == ("half", '{"done":1}')
    assert not visit.progress.HasField("item")
    assert visit.HasField("start_time")
    assert not visit.HasField("end_time")
    await served.report(completed(task))
    first, second = await visits_of(served, execution_id)
    assert (first.status, second.status) == (COMPLETED, execution_pb2.BRANCH_STATUS_SUSPENDED)
    assert first.progress == visit.progress
    assert first.HasField("end_time")


async def test_a_step_without_items_to_work_at_tells_its_activity(served: Served) -> None:
    await served.register(flow(work(items=[])))
    execution_id = await served.start()
    [visit] = await visits_of(served, execution_id)
    assert (visit.activity, visit.attempt, visit.items) == ("work", 0, 0)


async def test_the_items_progress_is_the_steps(served: Served) -> None:
    await served.register(flow(work(items=[1, 2, 3])))
    execution_id = await served.start()
    one, two, _ = await served.poll(20, most=3)
    await say(served, two, "second")
    await say(served, one, "first")
    [visit] = await visits_of(served, execution_id)
    assert (visit.progress.message, visit.progress.item) == ("first", 0)
    await served.report(completed(two))
    [visit] = await visits_of(served, execution_id)
    assert (visit.progress.message, visit.items, visit.items_done) == ("first", 3, 1)


async def test_pages_lead_through_all_visits(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few rows of the history are read at a time."""
    monkeypatch.setattr(step_visits, "_ROWS_A_READ", 1)
    names = [f"s{number}" for number in range(7)]
    steps = [work(name, *names[number + 1 :][:1]) for number, name in enumerate(names)]
    await served.register(flow(*steps))
    execution_id = await served.start()
    for _ in names:
        [task] = await served.poll(20, *names)
        await served.report(completed(task))
    found: list[str] = []
    request = pb.ListStepVisitsRequest(execution_id=execution_id, page_size=3)
    sizes = []
    while True:
        answer = await served.executions.ListStepVisits(request)
        sizes.append(len(answer.visits))
        found += [visit.step for visit in answer.visits]
        request.after_number = answer.next_after_number
        if not request.after_number:
            break
    assert found == names
    assert sizes == [3, 3, 1]


async def test_large_progress_makes_small_pages(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_visits, "_ROWS_A_READ", 1)
    monkeypatch.setattr(step_visits, "_BYTES_A_PAGE", 1_000)
    await served.register(flow(work("one", "two"), work("two", "three"), work("three")))
    execution_id = await served.start()
    for _ in range(3):
        [task] = await served.poll(20, "one", "two", "three")
        await say(served, task, "much", f'"{"x" * 2_000}"')
        await served.report(completed(task))
    request = pb.ListStepVisitsRequest(execution_id=execution_id)
    answer = await served.executions.ListStepVisits(request)
    assert [visit.step for visit in answer.visits] == ["one", "two"]
    request.after_number = answer.next_after_number
    answer = await served.executions.ListStepVisits(request)
    assert [visit.step for visit in answer.visits] == ["three"]
    assert answer.next_after_number == 0


async def test_what_cannot_be_listed_is_refused(served: Served) -> None:
    list_visits = served.executions.ListStepVisits
    unknown = await refused(list_visits(pb.ListStepVisitsRequest(execution_id="nobody")))
    assert unknown.what == (StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")
    nameless = await refused(list_visits(pb.ListStepVisitsRequest()))
    assert nameless.what == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    for field in ("after_number", "page_size"):
        request = pb.ListStepVisitsRequest(execution_id="e", **{field: -1})
        negative = await refused(list_visits(request))
        assert negative.what == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


# Progress that stays


async def test_progress_of_every_end_of_an_attempt_survives_a_restart(path: Path) -> None:
    ends = {"completed": completed, "failed": failed, "waiting": waits}
    async with serving(path) as served:
        await served.register(flow(work()))
        for name, end in ends.items():
            await served.start(id=name)
            [task] = await served.poll(20)
            await say(served, task, f"then {name}")
            await served.report(end(task))
        await served.start(id="canceled")
        [task] = await served.poll(20)
        await say(served, task, "then canceled")
        await served.cancel("canceled")
    async with serving(path) as served:
        for name in [*ends, "canceled"]:
            assert await progress_of(served, name) == f"then {name}"


async def test_a_timed_out_attempt_keeps_what_it_said(served: Served) -> None:
    step = work()
    step.timeout.CopyFrom(seconds(0.3))
    await served.register(flow(step))
    execution_id = await served.start()
    [task] = await served.poll(20)
    await say(served, task, "nearly")
    await served.closed(execution_id)
    assert await progress_of(served, execution_id) == "nearly"
    [event] = [
        event
        for event in await served.events(execution_id)
        if event.WhichOneof("event") == "task_failed"
    ]
    assert event.task_failed.progress.message == "nearly"


async def test_a_task_that_is_given_back_keeps_what_it_said(served: Served) -> None:
    await served.register(flow(work()))
    execution_id = await served.start()
    [task] = await served.poll(20)
    await say(served, task, "half")
    await served.report(released(task))
    assert await progress_of(served, execution_id) == "half"


async def test_progress_that_comes_with_the_outcome_is_told_before_it(served: Served) -> None:
    await served.register(flow(work()))
    execution_id = await served.start()
    [task] = await served.poll(20)
    beat = task_pb2.TaskHeartbeat(token=task.token, message="last words")
    request = tasks_pb.ReportTasksRequest(heartbeats=[beat], outcomes=[completed(task)])
    answer = await served.tasks.ReportTasks(request)
    assert answer.acks[0].accepted
    assert not answer.cancellations
    assert await progress_of(served, execution_id) == "last words"


# Names of effects


async def test_an_effect_has_one_name_in_all_its_runs(path: Path) -> None:
    """Over a delivery, an attempt, a wait, a restart and a retry of the execution."""
    keys: list[str] = []
    step = work()
    step.retry.add(max_retries=1).base_delay.CopyFrom(seconds(0))

    async def run() -> task_pb2.Task:
        [task] = await served.poll(20)
        keys.append(task.idempotency_key)
        return task

    async with serving(path) as served:
        await served.register(flow(step))
        execution_id = await served.start()
        await served.report(released(await run()))
        await served.report(waits(await run()))
        await served.signal(execution_id)
        await served.report(failed(await run()))
    async with serving(path) as served:
        await served.report(failed(await run()))
        await served.closed(execution_id)
        await served.retry(execution_id)
        await served.report(completed(await run()))
    assert len(keys) == 5
    assert len(set(keys)) == 1
    assert str(UUID(keys[0])) == keys[0]


async def test_other_effects_have_other_names(served: Served) -> None:
    """Of other items, visits and executions, also of one with the id of a deleted one."""
    looping = work("work", "work", items=[1, 2])
    await served.register(flow(looping))
    keys: list[str] = []
    for execution_id in ("one", "two", "one"):
        await served.start(id=execution_id)
        for _ in range(2):
            tasks = await served.poll(20, most=2)
            keys += [task.idempotency_key for task in tasks]
            await served.report(*map(completed, tasks))
        await served.cancel(execution_id)
        await served.delete(execution_id)
    assert len(keys) == 12
    assert len(set(keys)) == 12


async def test_effects_of_two_servers_have_different_names(tmp_path: Path) -> None:
    keys: set[str] = set()
    for name in ("one", "two"):
        async with serving(tmp_path / name) as served:
            await served.register(flow(work()))
            await served.start(id="same")
            [task] = await served.poll(20)
            keys.add(task.idempotency_key)
    assert len(keys) == 2
