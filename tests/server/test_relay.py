"""Progress that is told to the other servers when its task may have ended (semantics 7.6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from branchline.engine.values import NULL
from branchline.server.cluster import Hearing, Note
from branchline.server.cluster.notes import Said
from branchline.server.dispatch import SharedDispatcher, TaskKey, TokenMaker
from branchline.server.subscriptions import ProgressNote
from branchline.v1 import task_pb2
from branchline.v1 import task_service_pb2 as tasks_pb
from tests.server.clocks import HandClock
from tests.server.flows import flow, listen, work
from tests.server.serving import Served
from tests.server.sharing import Member, Together, together
from tests.server.worker import completed

KEY = TaskKey(7, 1)


@pytest.fixture
def dispatcher() -> SharedDispatcher:
    return SharedDispatcher(HandClock(), TokenMaker("database"), 10)


@pytest.fixture
def published() -> list[str]:
    """What watchers have been told."""
    return []


@pytest.fixture
def hearing(published: list[str]) -> Hearing:
    """Tells watchers, and nobody else."""

    def nothing(*_: object) -> None:
        pass

    def said(_id: str, note: ProgressNote) -> None:
        published.append(note.message)

    return Hearing(nothing, nothing, nothing, said, nothing, nothing)


def said(message: str) -> Note:
    """Another server tells what a task's activity says."""
    told = ProgressNote("main", "work", "work", None, 1, message, NULL, 1)
    return Note("other", said=Said(*KEY, "exec", told))


def test_what_is_said_elsewhere_is_kept_and_told(
    hearing: Hearing, dispatcher: SharedDispatcher, published: list[str]
) -> None:
    hearing.take(said("half"), dispatcher)
    assert dispatcher.progress.of(7)[1].progress.message == "half"
    assert published == ["half"]


@pytest.mark.parametrize("here", [True, False])
def test_what_comes_after_the_end_of_its_task_is_neither_kept_nor_told(
    hearing: Hearing, dispatcher: SharedDispatcher, published: list[str], *, here: bool
) -> None:
    """Whether it was this server that stored the end, or another."""
    if here:
        dispatcher.remove(KEY)
    else:
        hearing.take(Note("other", gone=[KEY], withdrawn=True), dispatcher)
    hearing.take(said("late"), dispatcher)
    assert dispatcher.progress.of(7) == {}
    assert published == []


def test_only_so_many_ends_are_remembered(dispatcher: SharedDispatcher) -> None:
    for number in range(20_000):
        dispatcher.remove(TaskKey(number, 1))
    ended = [
        number for number in range(20_000) if dispatcher.progress.has_ended(TaskKey(number, 1))
    ]
    assert ended == list(range(10_000, 20_000))


@pytest.fixture
async def servers() -> AsyncIterator[Together]:
    """A database for several servers."""
    async with together() as servers:
        yield servers


def kept(member: Member) -> object:
    """All that a server keeps of what activities have said."""
    return member.app._workers._dispatcher.progress._told  # noqa: SLF001 - no answer tells it


async def say(served: Served, task: task_pb2.Task, message: str) -> None:
    """Tell progress of a task."""
    beat = task_pb2.TaskHeartbeat(token=task.token, message=message)
    await served.tasks.ReportTasks(tasks_pb.ReportTasksRequest(heartbeats=[beat]))


async def test_nothing_is_left_of_what_was_said_just_before_the_end(servers: Together) -> None:
    """The last word of each task is on its way while the end is stored."""
    one, other = await servers.join(), await servers.join()
    await one.served.register(flow(work("work", "listen", items=[*range(20)]), listen()))
    execution_id = await one.served.start()
    tasks: list[task_pb2.Task] = []
    async with asyncio.timeout(20):
        while len(tasks) < 20:
            tasks += await one.served.poll(20, most=20)
    for task in tasks:
        await say(one.served, task, "begun")
        await asyncio.sleep(0.01)
        await say(one.served, task, "almost")
        await one.served.report(completed(task))
    await one.served.signal(execution_id)
    await other.served.closed(execution_id)
    await asyncio.sleep(0.3)  # the pause between two notes, and more
    assert (kept(one), kept(other)) == ({}, {})
