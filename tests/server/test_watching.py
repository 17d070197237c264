"""Watchers: no gap, no repeat, nothing kept for the slow (semantics 12.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from branchline.engine.events import Event, ExecutionCompleted, StepStarted
from branchline.engine.values import NULL, encode
from branchline.server.errors import Reason, ServiceError
from branchline.server.subscriptions import Chunk, ProgressNote, Subscriptions, Watcher
from branchline.server.watching import News, NumberedEvent, follow

ID = "exec_1"
PAGE = 4


class History:
    """A stored history, read in pages."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.reads = 0

    async def read(self, key: int, after: int) -> list[NumberedEvent]:
        """The next page after a number."""
        self.reads += 1
        page = self.events[after : after + PAGE]
        return [(number, 0, event) for number, event in enumerate(page, start=after + 1)]

    def store(self, count: int, *, end: bool = False) -> Chunk:
        """Store so many events; the chunk that tells of them."""
        first = len(self.events) + 1
        events: list[Event] = [StepStarted("main", f"s{first + n}") for n in range(count)]
        if end:
            events[-1] = ExecutionCompleted()
        self.events += events
        return Chunk(first, 0, events)


def note(message: str) -> ProgressNote:
    """What an activity says."""
    return ProgressNote("main", "work", "work", None, 1, message, NULL, 0)


def numbers(news: News) -> list[int]:
    """The numbers of the events."""
    return [number for number, _, _ in news.events]


async def collect(stream: AsyncIterator[News]) -> list[int]:
    """The numbers of all events until the end."""
    return [number async for news in stream for number in numbers(news)]


@pytest.fixture
def history() -> History:
    """Nothing has happened."""
    return History()


async def test_stored_events_come_in_pages_and_then_live_ones_until_the_end(
    history: History,
) -> None:
    watcher = Watcher()
    history.store(10)
    stream = follow(1, 0, watcher, history.read)
    seen = [numbers(await anext(stream)) for _ in range(3)]
    assert seen == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    watcher.add_chunk(history.store(2))
    watcher.add_chunk(history.store(1, end=True))
    assert numbers(await anext(stream)) == [11, 12, 13]
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


@pytest.mark.parametrize("before", [0, 3])
async def test_who_waits_for_what_is_removed_without_a_word_finds_out_at_the_next_look(
    history: History, before: int
) -> None:
    """As by another server whose note is lost."""
    watcher = Watcher()
    history.store(before)
    stream = follow(1, before, watcher, history.read)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    history.events.clear()
    watcher.look()
    with pytest.raises(ServiceError) as refused:
        await asyncio.wait_for(waiting, 10)
    assert refused.value.reason is Reason.SEQUENCE_OUT_OF_RANGE


async def test_who_looks_in_vain_waits_on(history: History) -> None:
    watcher = Watcher()
    history.store(3)
    stream = follow(1, 3, watcher, history.read)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    watcher.look()
    await asyncio.sleep(0)
    watcher.add_chunk(history.store(1))
    assert numbers(await asyncio.wait_for(waiting, 10)) == [4]


async def test_a_closed_execution_is_told_to_its_end_and_no_further(history: History) -> None:
    history.store(5, end=True)
    assert await collect(follow(1, 2, Watcher(), history.read)) == [3, 4, 5]
    assert await collect(follow(1, 5, Watcher(), history.read)) == []


async def test_what_is_both_stored_and_live_is_told_once(history: History) -> None:
    watcher = Watcher()
    watcher.add_chunk(history.store(2))
    watcher.add_chunk(history.store(3))
    watcher.add_chunk(history.store(1, end=True))
    assert await collect(follow(1, 1, watcher, history.read)) == [2, 3, 4, 5, 6]


async def test_a_chunk_that_is_partly_told_already_is_cut(history: History) -> None:
    watcher = Watcher()
    chunk = history.store(6)
    stream = follow(1, 2, watcher, history.read)
    assert numbers(await anext(stream)) == [3, 4, 5, 6]
    watcher.add_chunk(Chunk(chunk.first_sequence, 0, chunk.events))
    watcher.add_chunk(history.store(1, end=True))
    assert await collect(stream) == [7]


async def test_a_gap_sends_the_watcher_to_the_history(history: History) -> None:
    watcher = Watcher()
    history.store(1)
    stream = follow(1, 0, watcher, history.read)
    assert numbers(await anext(stream)) == [1]
    history.store(2)
    watcher.add_chunk(history.store(1, end=True))
    assert await collect(stream) == [2, 3, 4]


async def test_a_slow_watcher_keeps_little_and_misses_nothing(history: History) -> None:
    watcher = Watcher()
    history.store(1)
    stream = follow(1, 0, watcher, history.read)
    assert numbers(await anext(stream)) == [1]
    for _ in range(10_000):
        watcher.add_chunk(history.store(1))
        watcher.add_progress(note("on"))
    assert len(watcher.chunks) <= 256
    assert len(watcher.progress) <= 256
    watcher.add_chunk(history.store(1, end=True))
    assert await collect(stream) == list(range(2, 10_003))


async def test_of_too_much_progress_the_latest_is_kept() -> None:
    watcher = Watcher()
    for number in range(1_000):
        watcher.add_progress(note(str(number)))
    _, progress, behind = watcher.take()
    assert (progress[-1].message, behind) == ("999", False)


async def test_large_progress_is_bounded_by_its_bytes() -> None:
    watcher = Watcher()
    data = encode("x" * 100_000)
    for number in range(100):
        watcher.add_progress(note(str(number))._replace(data=data))
    assert 5 <= len(watcher.progress) <= 10
    _, progress, _ = watcher.take()
    assert progress[-1].message == "99"
    watcher.add_progress(note("z" * 10_000_000))
    assert len(watcher.progress) == 1
    watcher.add_progress(note("last"))
    assert [kept.message for kept in watcher.take()[1]] == ["last"]


async def test_a_number_behind_the_end_is_out_of_range(history: History) -> None:
    history.store(3)
    stream = follow(1, 4, Watcher(), history.read)
    with pytest.raises(ServiceError) as refused:
        await anext(stream)
    assert refused.value.reason is Reason.SEQUENCE_OUT_OF_RANGE
    assert "4" in refused.value.message


async def test_a_watcher_is_told_of_a_deletion(history: History) -> None:
    subscriptions = Subscriptions()
    history.store(1)
    with subscriptions.watch(ID) as watcher:
        stream = follow(1, 0, watcher, history.read)
        await anext(stream)
        subscriptions.publish_deletion(ID)
        with pytest.raises(ServiceError) as refused:
            await anext(stream)
    assert refused.value.reason is Reason.EXECUTION_NOT_FOUND


async def test_only_the_watchers_of_an_execution_are_told() -> None:
    subscriptions = Subscriptions()
    chunk = Chunk(1, 0, [StepStarted("main", "a")])
    with subscriptions.watch(ID) as one, subscriptions.watch(ID) as two:
        with subscriptions.watch("exec_2") as other:
            subscriptions.publish(ID, chunk)
            subscriptions.publish_progress(ID, note("on"))
            assert [len(watcher.chunks) for watcher in (one, two, other)] == [1, 1, 0]
            assert [len(watcher.progress) for watcher in (one, two, other)] == [1, 1, 0]
        subscriptions.publish("exec_2", chunk)
        assert other.chunks == []


async def test_closing_ends_every_watcher(history: History) -> None:
    subscriptions = Subscriptions()
    with subscriptions.watch(ID) as watcher:
        reading = asyncio.ensure_future(anext(follow(1, 0, watcher, history.read)))
        await asyncio.sleep(0)
        subscriptions.close()
        with pytest.raises(ServiceError) as refused:
            await reading
    assert refused.value.reason is Reason.SHUTTING_DOWN


async def test_nobody_can_begin_to_watch_at_a_server_that_goes_down() -> None:
    subscriptions = Subscriptions()
    subscriptions.close()
    with pytest.raises(ServiceError, match="going down"), subscriptions.watch(ID):
        pass
