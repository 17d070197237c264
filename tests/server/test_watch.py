"""WatchExecution: going on where one was cut off, progress, deletion (semantics 12.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from grpc import StatusCode

from branchline.v1 import execution_service_pb2 as pb
from branchline.v1 import task_pb2
from branchline.v1 import task_service_pb2 as tasks_pb
from tests.server.door import Door
from tests.server.flows import flow, listen, work
from tests.server.refusals import refused
from tests.server.serving import Served


class Watch:
    """One call of WatchExecution."""

    def __init__(self, served: Served, execution_id: str, after: int = 0) -> None:
        request = pb.WatchExecutionRequest(execution_id=execution_id, after_sequence=after)
        self.call = served.executions.WatchExecution(request)
        self._responses: AsyncIterator[pb.WatchExecutionResponse] = aiter(self.call)

    async def next(self) -> pb.WatchExecutionResponse:
        """The next answer."""
        return await asyncio.wait_for(anext(self._responses), 20)

    async def rest(self) -> list[int]:
        """The numbers of all events until the end."""
        return [event.sequence async for response in self.call for event in response.events]


async def test_a_watcher_that_was_cut_off_goes_on_where_it_was(served: Served) -> None:
    await served.register(flow(listen("one", "two"), listen("two")))
    execution_id = await served.start()
    first = Watch(served, execution_id)
    seen = [event.sequence for event in (await first.next()).events]
    first.call.cancel()
    await served.signal(execution_id)
    await served.signal(execution_id)
    seen += await Watch(served, execution_id, after=seen[-1]).rest()
    assert seen == [event.sequence for event in await served.events(execution_id)]


async def test_live_events_come_as_they_happen_and_the_stream_ends(served: Served) -> None:
    await served.register(flow(listen("one", "two"), listen("two")))
    execution_id = await served.start()
    watch = Watch(served, execution_id)
    stored = (await watch.next()).events[-1].sequence
    await served.signal(execution_id)
    live = (await watch.next()).events
    assert live[0].sequence == stored + 1
    await served.signal(execution_id)
    rest = await watch.rest()
    assert rest[0] == live[-1].sequence + 1
    assert rest[-1] == (await served.get(execution_id)).last_sequence


async def test_whoever_has_seen_all_of_a_closed_execution_is_told_that_it_is_over(
    served: Served,
) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start()
    await served.cancel(execution_id)
    last = (await served.get(execution_id)).last_sequence
    assert await asyncio.wait_for(Watch(served, execution_id, after=last).rest(), 20) == []


async def test_a_number_behind_the_end_is_out_of_range(served: Served) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start()
    refusal = await refused(Watch(served, execution_id, after=1_000).rest())
    assert refusal.what == (StatusCode.OUT_OF_RANGE, "SEQUENCE_OUT_OF_RANGE")
    assert "1000" in refusal.message


async def test_an_unknown_execution_is_not_found(served: Served) -> None:
    refusal = await refused(Watch(served, "nobody").rest())
    assert refusal.what == (StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")


async def test_progress_is_seen_and_is_no_event(served: Served) -> None:
    await served.register(flow(work()))
    execution_id = await served.start()
    [task] = await served.poll(20)
    watch = Watch(served, execution_id)
    await watch.next()
    beat = task_pb2.TaskHeartbeat(token=task.token, message="half", data_json='{"done": 0.5}')
    await served.tasks.ReportTasks(tasks_pb.ReportTasksRequest(heartbeats=[beat]))
    news = await watch.next()
    assert not news.events
    [progress] = news.progress
    assert (progress.step, progress.activity, progress.attempt) == ("work", "work", 1)
    assert (progress.message, progress.data_json) == ("half", '{"done": 0.5}')
    kinds = {event.WhichOneof("event") for event in await served.events(execution_id)}
    assert kinds == {"execution_started", "step_started", "task_scheduled"}


async def test_many_watchers_see_the_same(served: Served) -> None:
    await served.register(flow(listen()))
    execution_id = await served.start()
    watches = [asyncio.ensure_future(Watch(served, execution_id).rest()) for _ in range(20)]
    await served.signal(execution_id)
    seen = await asyncio.gather(*watches)
    every = [event.sequence for event in await served.events(execution_id)]
    assert all(numbers == every for numbers in seen)


async def test_a_large_history_comes_in_messages_of_bounded_size(served: Served) -> None:
    await served.register(
        flow(work("work", items=list(range(30)), parameters={"x": "x" * 100_000}))
    )
    execution_id = await served.start()
    await served.cancel(execution_id)
    sizes = []
    numbers: list[int] = []
    async for response in Watch(served, execution_id).call:
        sizes.append(response.ByteSize())
        numbers += [event.sequence for event in response.events]
    assert numbers == list(range(1, len(numbers) + 1))
    assert sum(sizes) > 3_000_000
    assert max(sizes) < 1_200_000


async def test_a_watcher_that_goes_on_is_told_that_all_has_just_been_deleted(
    served: Served, door: Callable[[str], Door]
) -> None:
    histories = door("history")
    await served.register(flow(listen()))
    execution_id = await served.start()
    await served.signal(execution_id)
    last = (await served.closed(execution_id)).last_sequence
    histories.shut()
    going_on = asyncio.ensure_future(Watch(served, execution_id, after=last).next())
    await asyncio.wait_for(histories.knocked.wait(), 20)
    await served.delete(execution_id)
    histories.let_in()
    assert (await refused(going_on)).what == (StatusCode.NOT_FOUND, "EXECUTION_NOT_FOUND")
