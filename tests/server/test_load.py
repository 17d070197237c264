"""More than the server takes: it refuses, or waits, and never keeps without bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import cast

import pytest

from branchline.server.backlog import Backlog
from branchline.server.catalog import Catalog
from branchline.server.dispatch import Dispatcher, Limit, TaskKey, TaskToken
from branchline.server.rpc.calls import Context
from branchline.server.rpc.checks import Limits
from branchline.server.rpc.outcomes import OutcomeReader
from branchline.server.rpc.tasks import Tasks
from branchline.server.runtime import LiveExecutions, Loader, Room, Runtime
from branchline.server.storage import Batch, ExecutionRow, Store, StoreUnavailable, TaskRow
from branchline.server.subscriptions import Subscriptions
from branchline.server.workers import Workers
from branchline.v1 import execution_service_pb2 as executions_pb
from branchline.v1 import task_pb2
from branchline.v1 import task_service_pb2 as pb
from tests.server.clocks import START, HandClock
from tests.server.door import Door
from tests.server.flows import flow, work
from tests.server.pending import (
    REST,
    SECOND,
    TOKENS,
    WORK,
    dispatcher_of,
    hand_out,
    numbers,
    pending,
)
from tests.server.serving import serving
from tests.server.worker import completed

MakeDoor = Callable[[str], Door]


async def test_a_watcher_that_never_reads_hinders_nobody_and_misses_nothing(path: Path) -> None:
    async with serving(path) as served:
        items = list(range(300))
        await served.register(flow(work("work", items=items, parameters={"x": "x" * 20_000})))
        execution_id = await served.start()
        request = executions_pb.WatchExecutionRequest(execution_id=execution_id)
        watch = served.executions.WatchExecution(request)
        worker = await served.worker(max_tasks=300)
        for task in await worker.tasks(300):
            await worker.complete(task)
            assert (await worker.ack()).accepted
        last = (await served.closed(execution_id)).last_sequence
        seen = [event.sequence async for response in watch for event in response.events]
        assert seen == list(range(1, last + 1))


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    """An empty store."""
    store = await Store.open(f"sqlite:///{path}")
    yield store
    await store.close()


@pytest.fixture
def dispatcher(clock: HandClock) -> Dispatcher:
    """Nothing waits and nobody is there."""
    return dispatcher_of(clock)


def outcomes(number: int) -> pb.StreamTasksRequest:
    """An outcome that is answered by a turn."""
    token = TOKENS.write(TaskToken(7, number, 1))
    done = task_pb2.TaskOutcome(token=token, completed=task_pb2.TaskResult())
    return pb.StreamTasksRequest(outcomes=[done])


def nonsense(number: int) -> pb.StreamTasksRequest:
    """An outcome that is answered at once."""
    return pb.StreamTasksRequest(outcomes=[task_pb2.TaskOutcome(token=str(number))])


def heartbeats(number: int) -> pb.StreamTasksRequest:
    """A sign of life that is answered with a cancellation."""
    return pb.StreamTasksRequest(heartbeats=[task_pb2.TaskHeartbeat(token=str(number))])


HELLO = pb.StreamTasksRequest(hello=pb.WorkerHello(worker_id="w", activities=["work"]))


@pytest.fixture
def tasks(store: Store, dispatcher: Dispatcher, clock: HandClock) -> Tasks:
    """A service whose runtime does not run: what waits for a turn waits."""
    lives = LiveExecutions(10, 10)
    catalog = Catalog(store, clock)
    loader = Loader(store, catalog, lives)
    runtime = Runtime(store, loader, catalog, lives, dispatcher, clock, Room(10, 1 << 20))
    workers = Workers(dispatcher, runtime, Subscriptions(), clock)
    return Tasks(workers, OutcomeReader(workers, TOKENS, Limits(1_000_000)))


async def welcomed(
    tasks: Tasks, requests: AsyncIterator[pb.StreamTasksRequest]
) -> AsyncGenerator[pb.StreamTasksResponse]:
    """A stream of which only the welcome was read."""
    answers = tasks.StreamTasks(requests, cast("Context", None))
    stream = cast("AsyncGenerator[pb.StreamTasksResponse]", answers)
    assert (await anext(stream)).HasField("welcome")
    return stream


@pytest.mark.parametrize("message", [outcomes, nonsense, heartbeats])
async def test_a_worker_that_never_reads_is_not_listened_to_for_ever(
    tasks: Tasks, dispatcher: Dispatcher, message: Callable[[int], pb.StreamTasksRequest]
) -> None:
    taken = 0

    async def talk() -> AsyncIterator[pb.StreamTasksRequest]:
        nonlocal taken
        yield HELLO
        while taken < 20_000:
            taken += 1
            yield message(taken)

    stream = await welcomed(tasks, talk())
    for _ in range(10):
        await asyncio.sleep(0)
    assert 1_000 < taken < 6_000
    await stream.aclose()
    assert dispatcher.workers == {}


async def test_a_stream_that_was_replaced_is_not_listened_to(
    tasks: Tasks, dispatcher: Dispatcher
) -> None:
    replaced, silence = asyncio.Event(), asyncio.Event()
    said = 0

    async def talk_on() -> AsyncIterator[pb.StreamTasksRequest]:
        nonlocal said
        yield HELLO
        await replaced.wait()
        while said < 100:
            said += 1
            yield pb.StreamTasksRequest(draining=True)

    async def hold_on() -> AsyncIterator[pb.StreamTasksRequest]:
        yield HELLO
        await silence.wait()

    first = await welcomed(tasks, talk_on())
    await asyncio.sleep(0)
    second = await welcomed(tasks, hold_on())
    replaced.set()
    for _ in range(10):
        await asyncio.sleep(0)
    assert said == 1
    hand_out(dispatcher, pending(1))
    assert len((await anext(second)).tasks) == 1
    await first.aclose()
    await second.aclose()


async def stored_tasks(
    store: Store,
    counts: dict[str, int],
    started_at: int | None = None,
    timeout: int | None = None,
) -> None:
    """Store an execution with so many waiting tasks of each activity."""
    tasks: list[TaskRow] = []
    payload = (
        '{"execution_id":"e","workflow":"flow","version":1,"branch":"main","step":"s",'
        '"attempt":1,"parameters":{}}'
    )
    for activity, count in counts.items():
        for _ in range(count):
            row = TaskRow(7, len(tasks) + 1, "default", activity, payload)
            tasks.append(row._replace(started_at=started_at, attempt_timeout=timeout))
    execution = ExecutionRow(7, "e", "flow", 1, 1, START)
    await store.commit(Batch(started=[execution], tasks_added=tasks))


async def test_waiting_tasks_beyond_a_number_stay_in_the_database(
    store: Store, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("branchline.server.dispatch.dispatcher.MOST_READY", 10)
    monkeypatch.setattr("branchline.server.backlog._LOW", 5)
    await stored_tasks(store, {"work": 25})
    backlog = Backlog(store, dispatcher, lambda: None)
    await backlog.restore()
    assert dispatcher.ready_count == 10
    _, outbox = dispatcher.connect("w", (WORK,), 100, [])
    seen: list[int] = []
    while len(seen) < 25:
        hand_out(dispatcher)
        seen += numbers(outbox)
        await backlog.run_once()
    assert seen == list(range(1, 26))


async def test_tasks_that_nobody_wants_do_not_keep_others_in_the_database(
    store: Store, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("branchline.server.dispatch.dispatcher.MOST_READY", 10)
    monkeypatch.setattr("branchline.server.backlog._LOW", 5)
    await stored_tasks(store, {"work": 25, "rest": 3})
    backlog = Backlog(store, dispatcher, lambda: None)
    await backlog.restore()
    _, outbox = dispatcher.connect("w", (REST,), 100, [])
    await backlog.run_once()
    hand_out(dispatcher)
    assert numbers(outbox) == [26, 27, 28]


async def test_a_queue_is_read_without_those_of_others(
    store: Store, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("branchline.server.dispatch.dispatcher.MOST_READY", 10)
    monkeypatch.setattr("branchline.server.backlog._LOW", 5)
    monkeypatch.setattr("branchline.server.backlog._PAGE", 10)
    await stored_tasks(store, {"work": 500, "rest": 3})
    backlog = Backlog(store, dispatcher, lambda: None)
    await backlog.restore()
    _, outbox = dispatcher.connect("w", (REST,), 100, [])
    await backlog.run_once()
    hand_out(dispatcher)
    assert numbers(outbox) == [501, 502, 503]


async def test_an_idle_worker_has_nothing_read_in_vain(
    store: Store, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch, door: MakeDoor
) -> None:
    monkeypatch.setattr("branchline.server.backlog._PAGE", 10)
    await stored_tasks(store, {"work": 25})
    backlog = Backlog(store, dispatcher, lambda: None)
    await backlog.restore()
    for offer in (WORK, REST):
        dispatcher.connect(f"worker for {offer}", (offer,), 100, [])
    while await backlog.run_once():
        hand_out(dispatcher)
    reads = door("ready_keys")
    reads.fail(1)
    for _ in range(3):
        assert await backlog.run_once() == 0
    assert reads.failing


async def test_tasks_that_end_while_they_are_read_do_not_come_back(
    store: Store, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored_tasks(store, {"work": 3})
    read = Store.ready_tasks

    async def slowly(store: Store, keys: Sequence[tuple[int, int]]) -> list[TaskRow]:
        rows = await read(store, keys)
        dispatcher.remove(TaskKey(7, 2))
        return rows

    monkeypatch.setattr(Store, "ready_tasks", slowly)
    await Backlog(store, dispatcher, lambda: None).restore()
    _, outbox = dispatcher.connect("w", (WORK,), 100, [])
    hand_out(dispatcher)
    assert numbers(outbox) == [1, 3]


async def test_tasks_that_are_left_out_before_they_are_stored_are_read_afterwards(
    store: Store, dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("branchline.server.dispatch.dispatcher.MOST_READY", 0)
    backlog = Backlog(store, dispatcher, lambda: None)
    await backlog.restore()
    dispatcher.offer([pending(1)])
    assigned = dispatcher.assign()
    _, outbox = dispatcher.connect("w", (WORK,), 1, [])
    assert await backlog.run_once() == 0
    await stored_tasks(store, {"work": 1})
    dispatcher.deliver(assigned)
    assert await backlog.run_once() == 1
    hand_out(dispatcher)
    assert numbers(outbox) == [1]


async def test_a_database_that_fails_is_asked_for_waiting_tasks_again(
    store: Store, dispatcher: Dispatcher, door: MakeDoor
) -> None:
    await stored_tasks(store, {"work": 1})
    backlog = Backlog(store, dispatcher, lambda: None)
    reads = door("ready_keys")
    reads.fail(1)
    with pytest.raises(StoreUnavailable):
        await backlog.restore()
    assert await backlog.run_once() == 1


async def test_a_timeout_is_known_of_whatever_waits_in_the_database(
    store: Store, dispatcher: Dispatcher, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("branchline.server.backlog._LOW", 0)
    await stored_tasks(store, {"work": 5}, started_at=START, timeout=SECOND)
    await Backlog(store, dispatcher, lambda: None).restore()
    clock.move(1)
    reached = dispatcher.limits.reached(clock.monotonic())
    assert [(limit, task.key.task) for limit, task in reached] == [
        (Limit.ATTEMPT, number) for number in range(1, 6)
    ]


async def test_a_report_of_a_thousand_outcomes_is_answered_in_its_order(path: Path) -> None:
    async with serving(path) as served:
        await served.register(flow(work("work", items=list(range(1_000)))))
        execution_id = await served.start()
        tasks: list[task_pb2.Task] = []
        while len(tasks) < 1_000:
            tasks += await served.poll(5, most=1_000)
        acks = await served.report(*map(completed, tasks))
        assert [ack.token for ack in acks] == [task.token for task in tasks]
        assert all(ack.accepted for ack in acks)
        await served.closed(execution_id)
