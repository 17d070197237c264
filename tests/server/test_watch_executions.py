"""WatchExecutions: present statuses, changes, positions, refusals (semantics 12.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from grpc import StatusCode

from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.server.flows import flow, hold, listen, work
from tests.server.refusals import refused
from tests.server.serving import Served, serving
from tests.server.worker import failed

Told = tuple[str, str]


class Watch:
    """One call of WatchExecutions."""

    def __init__(self, served: Served, after: int = 0, **wanted: object) -> None:
        request = pb.WatchExecutionsRequest(
            filter=pb.ExecutionFilter(**wanted),  # type: ignore[arg-type]  # named by each test
            after_position=after,
        )
        self.call = served.executions.WatchExecutions(request)
        self._responses: AsyncIterator[pb.WatchExecutionsResponse] = aiter(self.call)
        self.position = after
        self.present: list[Told] = []
        self.told: list[Told] = []

    async def next(self) -> pb.WatchExecutionsResponse:
        """The next answer."""
        answer = await asyncio.wait_for(anext(self._responses), 20)
        for change in answer.changes:
            status = execution_pb2.ExecutionStatus.Name(change.status)
            where = self.told if change.HasField("time") else self.present
            where.append((change.execution_id, status.removeprefix("EXECUTION_STATUS_")))
        self.position = answer.position
        return answer

    async def begin(self) -> None:
        """Read all present statuses."""
        while not self.position:
            await self.next()

    async def until(self, number: int) -> list[Told]:
        """Read on to so many changes."""
        while len(self.told) < number:
            await self.next()
        return self.told


async def test_every_change_of_a_life_is_told_in_order(served: Served) -> None:
    await served.register(flow(listen("one", "two"), hold("two", "three"), work("three")))
    watch = Watch(served)
    await watch.begin()
    execution_id = await served.start()
    await served.signal(execution_id)
    await served.unpause(execution_id)
    worker = await served.worker("three")
    await worker.complete(await worker.task())
    told = await watch.until(5)
    assert watch.present == []
    assert told == [
        (execution_id, status)
        for status in ("RUNNING", "SUSPENDED", "PAUSED", "RUNNING", "COMPLETED")
    ]


async def test_present_statuses_come_first_newest_first(served: Served) -> None:
    await served.register(flow(listen()))
    ids = [await served.start() for _ in range(3)]
    await served.cancel(ids[0])
    watch = Watch(served)
    await watch.begin()
    assert watch.present == [
        (ids[2], "SUSPENDED"),
        (ids[1], "SUSPENDED"),
        (ids[0], "CANCELED"),
    ]
    assert watch.told == []


async def test_a_change_is_told_with_all_that_is_known_of_its_execution(served: Served) -> None:
    await served.register(flow(listen()))
    watch = Watch(served)
    await watch.begin()
    execution_id = await served.start(labels={"colour": "red"})
    answer = await watch.next()
    started = (await served.get(execution_id)).start_time
    assert [
        (change.workflow, change.version, change.time, dict(change.labels), change.parent)
        for change in answer.changes
    ] == [("flow", 1, started, {"colour": "red"}, "")] * 2
    assert answer.position > 1


async def test_a_watcher_that_was_cut_off_goes_on_from_its_position(served: Served) -> None:
    await served.register(flow(listen()))
    first = Watch(served)
    await first.begin()
    one = await served.start()
    await first.until(2)
    first.call.cancel()
    two = await served.start()
    await served.cancel(one)
    second = Watch(served, first.position)
    assert await second.until(3) == [(two, "RUNNING"), (two, "SUSPENDED"), (one, "CANCELED")]
    assert second.present == []


async def test_a_filter_holds_for_present_statuses_and_changes(served: Served) -> None:
    await served.register(flow(listen()))
    await served.register(flow(listen(), name="other"))
    old = await served.start(labels={"colour": "red"})
    await served.start(workflow="other", labels={"colour": "red"})
    waiting = execution_pb2.EXECUTION_STATUS_SUSPENDED
    canceled = execution_pb2.EXECUTION_STATUS_CANCELED
    watch = Watch(served, workflow="flow", labels={"colour": "red"}, statuses=[waiting, canceled])
    await watch.begin()
    assert watch.present == [(old, "SUSPENDED")]
    await served.start(labels={"colour": "blue"})
    await served.start(workflow="other", labels={"colour": "red"})
    new = await served.start(labels={"colour": "red", "size": "l"})
    await served.cancel(new)
    assert await watch.until(2) == [(new, "SUSPENDED"), (new, "CANCELED")]


async def test_a_retry_is_a_change(served: Served) -> None:
    await served.register(flow(work()))
    execution_id = await served.start()
    worker = await served.worker()
    watch = Watch(served)
    await watch.begin()
    await worker.send(outcomes=(failed(await worker.task()),))
    await served.closed(execution_id)
    await served.retry(execution_id)
    assert await watch.until(2) == [(execution_id, "FAILED"), (execution_id, "RUNNING")]


async def test_a_deletion_is_no_change_and_takes_earlier_changes_along(served: Served) -> None:
    await served.register(flow(listen()))
    gone, kept = await served.start(), await served.start()
    await served.cancel(gone)
    await served.delete(gone)
    watch = Watch(served, 1)
    assert await watch.until(2) == [(kept, "RUNNING"), (kept, "SUSPENDED")]


async def test_many_present_statuses_come_in_messages_of_bounded_size(served: Served) -> None:
    await served.register(flow(listen()))
    starts = [pb.StartExecutionRequest(workflow="flow") for _ in range(1_000)]
    await served.executions.StartExecutions(pb.StartExecutionsRequest(requests=starts))
    await served.start()
    watch = Watch(served)
    sizes = []
    while not watch.position:
        sizes.append(len((await watch.next()).changes))
    assert sum(sizes) == 1_001
    assert max(sizes) <= 500
    assert len(set(watch.present)) == 1_001


async def test_changes_that_were_stored_together_share_the_last_position(served: Served) -> None:
    await served.register(flow(listen()))
    starts = [pb.StartExecutionRequest(workflow="flow") for _ in range(1_000)]
    await served.executions.StartExecutions(pb.StartExecutionsRequest(requests=starts))
    watch = Watch(served, 1)
    answers = [await watch.next()]
    while len(watch.told) < 2_000:
        answers.append(await watch.next())
    assert max(len(answer.changes) for answer in answers) <= 500
    assert answers[0].position == 1
    positions = [answer.position for answer in answers]
    assert positions == sorted(positions)
    resumed = Watch(served, watch.position)
    late = await served.start()
    assert await resumed.until(2) == [(late, "RUNNING"), (late, "SUSPENDED")]


@pytest.mark.parametrize("position", [2, 1_000_000])
async def test_a_position_ahead_is_refused(served: Served, position: int) -> None:
    refusal = await refused(Watch(served, position).next())
    assert refusal.what == (StatusCode.OUT_OF_RANGE, "POSITION_OUT_OF_RANGE")


async def test_what_makes_no_sense_is_refused(served: Served) -> None:
    negative = await refused(Watch(served, -1).next())
    assert set(negative.violations) == {"after_position"}
    unknown = await refused(Watch(served, statuses=[77]).next())
    assert set(unknown.violations) == {"filter.statuses"}


async def test_a_position_holds_after_a_restart(path: Path) -> None:
    async with serving(path) as served:
        await served.register(flow(listen()))
        one = await served.start()
        watch = Watch(served)
        await watch.begin()
        await served.cancel(one)
        await watch.until(1)
    async with serving(path) as served:
        two = await served.start()
        again = Watch(served, watch.position)
        assert await again.until(2) == [(two, "RUNNING"), (two, "SUSPENDED")]


async def test_a_server_that_goes_down_ends_the_stream(served: Served) -> None:
    watch = Watch(served)
    await watch.begin()
    stopping = asyncio.ensure_future(served.stop())
    refusal = await refused(watch.next())
    assert refusal.what == (StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
    await stopping
