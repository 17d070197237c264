"""A database that fails: nothing half-done is visible, callers are told, and it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from grpc import StatusCode

from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.server.door import Door
from tests.server.flows import flow, listen, sleep, work
from tests.server.refusals import refused
from tests.server.serving import Served, serving
from tests.server.worker import completed

UNAVAILABLE = (StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")


@pytest.fixture
def commits(door: Callable[[str], Door]) -> Door:
    """The door before every commit."""
    return door("commit")


@pytest.fixture
async def ready(served: Served, commits: Door) -> AsyncIterator[Served]:
    """A server that knows a workflow."""
    await served.register(flow(listen()))
    await served.register(flow(work(store="n"), name="one", outputs=["n"]))
    yield served


async def test_a_start_that_is_not_stored_is_refused_and_may_be_repeated(
    ready: Served, commits: Door
) -> None:
    commits.fail(1)
    refusal = await refused(ready.start(id="a", request_id="r"))
    assert refusal.what == UNAVAILABLE
    assert "nothing was changed" in refusal.message
    assert refusal.retry_after is not None
    assert (await refused(ready.get("a"))).code is StatusCode.NOT_FOUND
    request = pb.StartExecutionRequest(workflow="flow", id="a", request_id="r")
    assert (await ready.executions.StartExecution(request)).started


async def test_everybody_of_a_failed_turn_is_told(ready: Served, commits: Door) -> None:
    commits.shut()
    first = asyncio.ensure_future(refused(ready.start()))
    await commits.knocked.wait()
    # These come into one turn while the first commit is on its way.
    others = [asyncio.ensure_future(refused(ready.start())) for _ in range(5)]
    execution_ids = await asyncio.gather(
        *(refused(ready.signal("nobody")) for _ in range(1)), return_exceptions=True
    ) if False else None
    assert execution_ids is None
    commits.fail(100)
    commits.let_in()
    refusals = await asyncio.gather(*others)
    assert {refusal.what for refusal in refusals} == {UNAVAILABLE}
    first.cancel()


async def test_a_signal_that_is_not_stored_changes_nothing(
    ready: Served, commits: Door
) -> None:
    execution_id = await ready.start()
    before = await ready.get(execution_id)
    commits.fail(1)
    assert (await refused(ready.signal(execution_id))).what == UNAVAILABLE
    assert await ready.get(execution_id) == before
    await ready.signal(execution_id)
    await ready.closed(execution_id)


async def test_a_watcher_sees_nothing_of_what_is_not_stored(
    ready: Served, commits: Door
) -> None:
    execution_id = await ready.start()
    request = pb.WatchExecutionRequest(execution_id=execution_id)
    watch = ready.executions.WatchExecution(request)
    commits.fail(1)
    assert (await refused(ready.signal(execution_id, payload='"lost"'))).what == UNAVAILABLE
    await ready.signal(execution_id, payload='"kept"')
    payloads = [
        event.signal_received.payload_json
        async for response in watch
        for event in response.events
        if event.HasField("signal_received")
    ]
    assert payloads == ['"kept"']


async def test_an_outcome_that_is_not_stored_is_reported_again(
    ready: Served, commits: Door
) -> None:
    execution_id = await ready.start(workflow="one")
    worker = await ready.worker()
    task = await worker.task()
    commits.fail(1)
    await worker.complete(task, result=1)
    ack = await worker.ack()
    assert (ack.accepted, ack.reason) == (False, "STORE_UNAVAILABLE")
    await worker.complete(task, result=2)
    assert (await worker.ack()).accepted
    assert (await ready.closed(execution_id)).outputs_json == '{"n":2}'
    assert worker.waiting == 0


async def test_a_task_whose_lease_is_not_stored_goes_out_later(
    ready: Served, commits: Door
) -> None:
    await ready.start(workflow="one")
    commits.fail(1)
    worker = await ready.worker(max_tasks=1)
    assert (await worker.task()).delivery == 1
    assert not commits.failing


async def test_a_sleep_whose_end_is_not_stored_ends_later(
    ready: Served, commits: Door
) -> None:
    await ready.register(flow(sleep(span=0.05), name="nap"))
    execution_id = await ready.start(workflow="nap")
    commits.fail(1)
    execution = await ready.closed(execution_id)
    assert execution.status == execution_pb2.EXECUTION_STATUS_COMPLETED
    assert not commits.failing


async def test_a_deletion_that_is_not_stored_leaves_all_there(
    ready: Served, commits: Door
) -> None:
    execution_id = await ready.start()
    await ready.cancel(execution_id)
    commits.fail(1)
    assert (await refused(ready.delete(execution_id))).what == UNAVAILABLE
    assert await ready.events(execution_id)
    await ready.delete(execution_id)


async def test_a_read_that_fails_refuses_its_caller_alone(
    ready: Served, door: Callable[[str], Door]
) -> None:
    execution_id = await ready.start()
    rows = door("executions_by_id")
    rows.fail(1)
    request = pb.GetExecutionRequest(execution_id=execution_id)
    assert (await refused(ready.executions.GetExecution(request))).what == UNAVAILABLE
    rows.fail(1)
    assert (await refused(ready.delete("nobody"))).what == UNAVAILABLE
    assert (await ready.get(execution_id)).id == execution_id


@pytest.mark.parametrize("method", ["workflow", "histories", "snapshots", "executions_by_id"])
async def test_an_execution_that_cannot_be_loaded_now_is_loaded_later(
    path: Path, door: Callable[[str], Door], method: str
) -> None:
    async with serving(path) as served:
        await served.register(flow(listen()))
        execution_id = await served.start()
    async with serving(path) as served:
        broken = door(method)
        broken.fail(1)
        assert (await refused(served.signal(execution_id))).what == UNAVAILABLE
        await served.signal(execution_id)
        await served.closed(execution_id)


async def test_a_history_that_cannot_be_read_hurts_nobody_else(
    ready: Served, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    bad, good = await ready.start(), await ready.start()
    await ready.stop()
    async with serving(path) as served:
        _garble(monkeypatch, bad)
        results = await asyncio.gather(
            *(served.signal(execution_id) for execution_id in (bad, good)),
            return_exceptions=True,
        )
        assert [isinstance(result, Exception) for result in results] == [True, False]
        refusal = await refused(served.signal(bad))
        assert refusal.what == (StatusCode.INTERNAL, "INTERNAL")
        await served.closed(good)


def _garble(monkeypatch: pytest.MonkeyPatch, execution_id: str) -> None:
    """Have one execution's history be unreadable, as after a fault of the disk."""
    from branchline.server.runtime import loading

    real = loading.rebuild

    def rebuild(found: str, *rows: object) -> object:
        if found == execution_id:
            raise ValueError("not a history")
        return real(found, *rows)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(loading, "rebuild", rebuild)


async def test_a_fault_of_the_engine_refuses_its_caller_and_spares_the_others(
    ready: Served, commits: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = await ready.start(), await ready.start()
    _break_decisions(monkeypatch, "poison")
    commits.shut()
    first = asyncio.ensure_future(ready.start())
    await commits.knocked.wait()
    calls = [
        asyncio.ensure_future(refused(ready.signal(bad, payload='"poison"'))),
        asyncio.ensure_future(ready.signal(good)),
    ]
    while not all(call.done() for call in calls):
        commits.let_in()
        await asyncio.sleep(0)
    assert calls[0].result().what == (StatusCode.INTERNAL, "INTERNAL")  # type: ignore[union-attr]  # a refusal
    await first
    await ready.closed(good)
    await ready.signal(bad)
    await ready.closed(bad)


def _break_decisions(monkeypatch: pytest.MonkeyPatch, payload: str) -> None:
    """Have the engine fall over one payload, half-way."""
    from branchline.engine import Signal
    from branchline.server.runtime import decisions

    real = decisions.decide

    def decide(plan: object, state: object, command: object, *rest: object) -> object:
        events = real(plan, state, command, *rest)  # type: ignore[arg-type]  # as they came
        if isinstance(command, Signal) and payload in bytes(command.payload).decode():
            raise ZeroDivisionError
        return events

    monkeypatch.setattr(decisions, "decide", decide)


async def test_nothing_is_told_before_it_is_stored(ready: Served, commits: Door) -> None:
    worker = await ready.worker()
    commits.shut()
    starting = asyncio.ensure_future(ready.start(workflow="one", id="a"))
    await commits.knocked.wait()
    assert worker.waiting == 0
    assert not starting.done()
    request = pb.GetExecutionRequest(execution_id="a")
    assert (await refused(ready.executions.GetExecution(request))).code is StatusCode.NOT_FOUND
    commits.let_in()
    assert await starting == "a"
    [ack] = await ready.report(completed(await worker.task()))
    assert ack.accepted
