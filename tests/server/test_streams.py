"""StreamTasks: credits, broken streams, outcomes that count once (semantics 7.3)."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from grpc import StatusCode

from branchline.v1 import execution_pb2, task_pb2
from branchline.v1 import task_service_pb2 as pb
from tests.server.flows import flow, work
from tests.server.refusals import refusal_of
from tests.server.serving import Served
from tests.server.worker import Worker, completed, released

LEASE_LOST = task_pb2.TASK_CANCELLATION_REASON_LEASE_LOST
WITHDRAWN = task_pb2.TASK_CANCELLATION_REASON_WITHDRAWN


async def quiet(served: Served) -> None:
    """Have a turn pass, and all that follows from it."""
    for _ in range(3):
        with pytest.raises(grpc.aio.AioRpcError):
            await served.get("nobody")


async def test_a_worker_is_told_how_long_a_lease_lasts(served: Served) -> None:
    worker = await served.worker()
    assert (await worker.welcome).lease_duration.seconds == 10


HELLOS = {
    "nothing": (None, "hello"),
    "nobody": (pb.WorkerHello(activities=["a"]), "hello.worker_id"),
    "long": (pb.WorkerHello(worker_id="w" * 201, activities=["a"]), "hello.worker_id"),
    "idle": (pb.WorkerHello(worker_id="w"), "activities"),
    "negative": (
        pb.WorkerHello(worker_id="w", activities=["a"], max_tasks=-1),
        "hello.max_tasks",
    ),
    "greedy": (
        pb.WorkerHello(worker_id="w", activities=["a"], max_tasks=10_001),
        "hello.max_tasks",
    ),
}


@pytest.mark.parametrize("name", HELLOS)
async def test_a_bad_hello_is_refused(served: Served, name: str) -> None:
    hello, field = HELLOS[name]
    call = served.tasks.StreamTasks()
    await call.write(pb.StreamTasksRequest(hello=hello))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()
    refusal = refusal_of(raised.value)
    assert refusal.what == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert set(refusal.violations) == {field}


async def test_a_stream_without_a_word_is_refused(served: Served) -> None:
    call = served.tasks.StreamTasks()
    await call.done_writing()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()
    assert set(refusal_of(raised.value).violations) == {"hello"}


async def test_a_worker_never_has_more_tasks_than_it_has_room_for(served: Served) -> None:
    await served.register(flow(work("work", items=list(range(20)))))
    execution_id = await served.start()
    worker = await served.worker(max_tasks=3)
    held = await worker.tasks(3)
    done = 0
    while held:
        await quiet(served)
        assert worker.waiting == 0
        await worker.complete(held.pop(0))
        assert (await worker.ack()).accepted
        done += 1
        if done + len(held) < 20:
            held.append(await worker.task())
    assert done == 20
    execution = await served.closed(execution_id)
    assert execution.status == execution_pb2.EXECUTION_STATUS_COMPLETED


async def test_a_task_that_is_created_while_a_worker_is_free_goes_out_at_once(
    served: Served,
) -> None:
    await served.register(flow(work("work", "then"), work("then")))
    worker = await served.worker("work", "then")
    execution_id = await served.start()
    await worker.complete(await worker.task())
    await worker.complete(await worker.task())
    assert [(await worker.ack()).accepted for _ in range(2)] == [True, True]
    await served.closed(execution_id)


async def test_a_broken_stream_keeps_its_leases_for_the_same_worker(served: Served) -> None:
    await served.register(flow(work()))
    execution_id = await served.start()
    worker = await served.worker()
    task = await worker.task()
    await worker.break_off()
    again = await served.worker(held=(task.token,))
    await again.complete(task)
    assert (await again.ack()).accepted
    await served.closed(execution_id)
    assert again.waiting == 0


async def test_a_task_that_was_lost_with_its_stream_is_sent_again(served: Served) -> None:
    await served.register(flow(work()))
    await served.start()
    worker = await served.worker()
    task = await worker.task()
    await worker.break_off()
    again = await served.worker()
    second = await again.task()
    assert (second.delivery, second.attempt) == (2, 1)
    assert second.token != task.token


async def test_an_outcome_sent_twice_counts_once(served: Served) -> None:
    await served.register(flow(work(store="n"), outputs=["n"]))
    execution_id = await served.start()
    worker = await served.worker()
    task = await worker.task()
    await worker.send(outcomes=(completed(task, 1), completed(task, 2)))
    acks = [await worker.ack(), await worker.ack()]
    assert sorted(ack.reason for ack in acks) == ["", "LEASE_LOST"]
    await worker.complete(task, result=3)
    last = await worker.ack()
    assert (last.accepted, last.reason) == (False, "LEASE_LOST")
    assert "lease" in last.message
    assert (await served.closed(execution_id)).outputs_json == '{"n":1}'


async def test_a_second_stream_of_a_worker_ends_the_first(served: Served) -> None:
    first = await served.worker()
    second = await served.worker()
    refusal = await first.end()
    assert refusal is not None
    assert refusal.what == (StatusCode.ABORTED, "WORKER_REPLACED")
    await served.register(flow(work()))
    await served.start()
    assert (await second.task()).step == "work"


async def test_a_token_that_is_no_longer_the_workers_is_called_off(served: Served) -> None:
    await served.register(flow(work()))
    await served.start()
    worker = await served.worker()
    task = await worker.task()
    await worker.complete(task)
    await worker.ack()
    again = await served.worker(held=(task.token,))
    stop = await again.cancellation()
    assert (stop.token, stop.reason) == (task.token, LEASE_LOST)


async def test_a_task_of_a_cancelled_execution_is_called_off_and_its_place_is_used(
    served: Served,
) -> None:
    await served.register(flow(work()))
    first, second = await served.start(), await served.start()
    worker = await served.worker(max_tasks=1)
    task = await worker.task()
    assert task.execution_id == first
    await served.cancel(first)
    stop = await worker.cancellation()
    assert (stop.token, stop.reason) == (task.token, WITHDRAWN)
    assert (await worker.task()).execution_id == second


async def test_a_task_that_is_given_back_goes_to_another_worker(served: Served) -> None:
    await served.register(flow(work()))
    await served.start()
    worker = await served.worker()
    task = await worker.task()
    await worker.send(outcomes=(released(task),), draining=True)
    assert (await worker.ack()).accepted
    other = await served.worker(worker_id="other")
    again = await other.task()
    assert (again.delivery, again.attempt) == (2, 1)


async def test_a_draining_worker_gets_no_more(served: Served) -> None:
    await served.register(flow(work()))
    worker = await served.worker()
    await worker.send(draining=True)
    await quiet(served)
    execution_id = await served.start()
    await quiet(served)
    assert worker.waiting == 0
    [waiting] = (await served.get(execution_id)).waiting_tasks
    assert (waiting.activity, waiting.task_queue) == ("work", "default")


async def test_a_worker_that_has_said_all_is_answered_before_the_stream_ends(
    served: Served,
) -> None:
    await served.register(flow(work()))
    await served.start()
    worker = await served.worker()
    await worker.complete(await worker.task())
    await worker.finish()
    assert (await worker.ack()).accepted
    assert await worker.end() is None


async def test_a_worker_gets_tasks_in_messages_of_bounded_number(served: Served) -> None:
    await served.register(flow(work("work", items=list(range(250)))))
    await served.start()
    call = served.tasks.StreamTasks()
    hello = pb.WorkerHello(worker_id="w", activities=["work"], max_tasks=250)
    await call.write(pb.StreamTasksRequest(hello=hello))
    sizes: list[int] = []
    while sum(sizes) < 250:
        response = await call.read()
        assert isinstance(response, pb.StreamTasksResponse)
        sizes.append(len(response.tasks))
    assert max(sizes) <= 100
    call.cancel()


async def test_a_stream_that_was_cancelled_leaves_nothing_behind(served: Served) -> None:
    await served.register(flow(work()))
    for _ in range(20):
        worker = await served.worker()
        await worker.break_off()
    survivor = await served.worker(worker_id="survivor")
    execution_id = await served.start()
    await survivor.complete(await survivor.task())
    await served.closed(execution_id)


async def test_heartbeats_of_an_ended_lease_are_answered_with_a_stop(served: Served) -> None:
    worker = await served.worker()
    await worker.send(heartbeats=(task_pb2.TaskHeartbeat(token="nonsense"),))
    stop = await worker.cancellation()
    assert (stop.token, stop.reason) == ("nonsense", LEASE_LOST)


async def test_polls_share_the_tasks_and_each_goes_to_one(served: Served) -> None:
    await served.register(flow(work("work", items=list(range(30)))))
    execution_id = await served.start()
    numbers: list[int] = []
    while len(numbers) < 30:
        for tasks in await asyncio.gather(*(served.poll(0.1, most=4) for _ in range(5))):
            numbers += [task.item for task in tasks]
            assert all(task.delivery == 1 for task in tasks)
            acks = await served.report(*map(completed, tasks))
            assert all(ack.accepted for ack in acks)
    assert sorted(numbers) == list(range(30))
    await served.closed(execution_id)


async def test_a_poll_without_tasks_answers_with_none_when_the_time_is_over(
    served: Served,
) -> None:
    assert await served.poll(0.01) == []


async def test_a_poll_that_does_not_wait_takes_what_is_there(served: Served) -> None:
    await served.register(flow(work()))
    await served.start()
    [task] = await served.poll(0)
    assert task.delivery == 1


async def test_a_poll_whose_client_went_away_takes_no_task_along(served: Served) -> None:
    await served.register(flow(work()))
    request = pb.PollTasksRequest(worker_id="w", activities=["work"])
    call = served.tasks.PollTasks(request)
    await quiet(served)
    call.cancel()
    await quiet(served)
    await served.start()
    [task] = await served.poll(20)
    assert task.execution_id


async def test_a_poll_must_say_who_asks_and_for_what(served: Served) -> None:
    for request, field in (
        (pb.PollTasksRequest(activities=["a"]), "worker_id"),
        (pb.PollTasksRequest(worker_id="w"), "activities"),
        (pb.PollTasksRequest(worker_id="w", activities=["a"], max_tasks=1_001), "max_tasks"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await served.tasks.PollTasks(request)
        assert set(refusal_of(raised.value).violations) == {field}


async def test_each_outcome_of_a_report_is_answered_by_itself(served: Served) -> None:
    await served.register(flow(work("work", items=[1, 2])))
    execution_id = await served.start()
    first, second = await served.poll(20, most=2)
    bad = task_pb2.TaskOutcome(token=second.token, completed=task_pb2.TaskResult(result_json="{"))
    nothing = task_pb2.TaskOutcome(token=second.token)
    foreign = task_pb2.TaskOutcome(token="ffffffff.1.1.1")
    acks = await served.report(completed(first), bad, nothing, foreign)
    assert [ack.reason for ack in acks] == [
        "",
        "INVALID_FIELD",
        "INVALID_FIELD",
        "INVALID_TASK_TOKEN",
    ]
    assert "result_json" in acks[1].message
    assert "completed, failed, waiting or released" in acks[2].message
    [ack] = await served.report(completed(second))
    assert ack.accepted
    await served.closed(execution_id)


async def test_a_failed_attempt_is_told_with_type_message_and_details(served: Served) -> None:
    await served.register(flow(work()))
    execution_id = await served.start()
    [task] = await served.poll(20)
    failure = execution_pb2.Failure(message="no luck", details_json='{"n":1}')
    await served.report(task_pb2.TaskOutcome(token=task.token, failed=failure))
    execution = await served.closed(execution_id)
    assert execution.status == execution_pb2.EXECUTION_STATUS_FAILED
    assert (execution.error.type, execution.error.message) == ("activity_failed", "no luck")
    assert execution.error.details_json == '{"n":1}'


async def test_a_worker_is_what_its_stream_says_whoever_else_is_there(served: Served) -> None:
    await served.register(flow(work("work", "rest"), work("rest")))
    execution_id = await served.start()
    one: Worker = await served.worker("work", worker_id="one")
    two: Worker = await served.worker("rest", worker_id="two")
    await one.complete(await one.task())
    await two.complete(await two.task())
    await served.closed(execution_id)
    assert (one.waiting, two.waiting) == (0, 0)
