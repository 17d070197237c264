"""Histories as rows: large transitions take several, and pages are read without gaps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import chain
from pathlib import Path

from branchline.engine.events import SignalReceived
from branchline.engine.values import encode
from branchline.server.histories import events_of, history_rows, numbered_events
from branchline.v1 import event_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.server.clocks import HandClock
from tests.server.flows import flow, work
from tests.server.serving import Served, serving
from tests.server.worker import PATIENCE


def signals(count: int, size: int = 0) -> list[SignalReceived]:
    """Events of about a size each."""
    return [SignalReceived(signal=n, topic="go", payload=encode("x" * size)) for n in range(count)]


# Rows


def test_a_small_transition_is_one_row() -> None:
    [row] = history_rows(7, 12, 99, signals(3))
    assert (row.key, row.first_sequence, row.last_sequence, row.time) == (7, 10, 12, 99)
    assert events_of(row) == signals(3)


def test_a_transition_of_many_events_takes_several_rows_of_one_time() -> None:
    rows = history_rows(7, 2_510, 99, signals(2_500))
    spans = [(row.first_sequence, row.last_sequence) for row in rows]
    assert spans == [(11, 1_010), (1_011, 2_010), (2_011, 2_510)]
    assert {row.time for row in rows} == {99}
    events = list(numbered_events(rows))
    assert [number for number, _, _ in events] == list(range(11, 2_511))
    assert [event for _, _, event in events] == signals(2_500)


def test_large_events_take_rows_of_a_bounded_size() -> None:
    rows = history_rows(7, 20, 99, signals(20, size=50_000))
    assert len(rows) > 1
    assert all(len(row.events) <= 256 * 1024 + 100 for row in rows)
    assert [number for number, _, _ in numbered_events(rows)] == list(range(1, 21))


def test_an_event_that_is_too_large_for_a_row_has_one_of_its_own() -> None:
    events = [*signals(1), *signals(1, size=1_000_000), *signals(1)]
    rows = history_rows(7, 3, 99, events)
    assert [len(events_of(row)) for row in rows] == [1, 1, 1]


# Reading


async def pages(served: Served, execution_id: str, size: int) -> AsyncIterator[list[int]]:
    """The numbers of the events on each page."""
    after = 0
    while True:
        request = pb.ListEventsRequest(
            execution_id=execution_id, after_sequence=after, page_size=size
        )
        answer = await served.executions.ListEvents(request)
        yield [event.sequence for event in answer.events]
        after = answer.next_after_sequence
        if not after:
            return


async def scheduled(served: Served, execution_id: str, count: int) -> list[event_pb2.Event]:
    """All events until so many tasks are scheduled."""
    events: list[event_pb2.Event] = []
    tasks = 0
    request = pb.WatchExecutionRequest(execution_id=execution_id)
    watch = served.executions.WatchExecution(request, timeout=PATIENCE)
    async for news in watch:
        events += news.events
        tasks += sum(event.HasField("task_scheduled") for event in news.events)
        if tasks >= count:
            watch.cancel()
            break
    return events


async def test_many_items_begin_in_portions_though_the_clock_stands_still(
    path: Path, clock: HandClock
) -> None:
    """They are all there after a restart, too, and end as one list."""
    async with serving(path, clock) as served:
        await served.register(flow(work(items="inputs.numbers", store="r"), inputs=["numbers"]))
        execution_id = await served.start({"numbers": list(range(2_500))})
        events = await scheduled(served, execution_id, 2_500)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    items = [event.task_scheduled.item for event in events if event.HasField("task_scheduled")]
    assert items == list(range(2_500))
    assert sum(event.HasField("items_postponed") for event in events) == 2
    async with serving(path, clock) as served:
        assert (await scheduled(served, execution_id, 2_500)) == events


async def test_postponed_items_begin_after_a_restart(path: Path, clock: HandClock) -> None:
    async with serving(path, clock) as served:
        await served.register(flow(work(items="inputs.numbers"), inputs=["numbers"]))
        execution_id = await served.start({"numbers": list(range(5_000))})
    async with serving(path, clock) as served:
        assert len(await scheduled(served, execution_id, 5_000)) > 5_000


async def test_pages_have_no_gaps(served: Served) -> None:
    await served.register(flow(work(items="inputs.numbers"), inputs=["numbers"]))
    execution_id = await served.start({"numbers": list(range(1_200))})
    last = (await scheduled(served, execution_id, 1_200))[-1].sequence
    numbers = [page async for page in pages(served, execution_id, 300)]
    assert list(chain.from_iterable(numbers)) == list(range(1, last + 1))
    assert [len(page) for page in numbers[:-1]] == [300] * (len(numbers) - 1)


async def test_pages_of_large_events_are_small_and_have_no_gaps(served: Served) -> None:
    parameters = {"flour": "x" * 300_000}
    await served.register(flow(work(items=list(range(24)), parameters=parameters)))
    execution_id = await served.start()
    last = (await scheduled(served, execution_id, 24))[-1].sequence
    numbers = [page async for page in pages(served, execution_id, 1_000)]
    assert list(chain.from_iterable(numbers)) == list(range(1, last + 1))
    assert max(map(len, numbers[1:])) <= 8
