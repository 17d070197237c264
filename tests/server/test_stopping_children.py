"""Children that are cancelled with their parent: in slices, all of them, whatever happens (4.9)."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from branchline.server import cancellations
from branchline.server.runtime import following
from branchline.server.storage import Store
from branchline.v1 import execution_pb2
from tests.postgres import execute
from tests.server.door import Door
from tests.server.families import family
from tests.server.flows import flow, listen, spawn, work
from tests.server.serving import Served, database_url, serving
from tests.server.sharing import together
from tests.server.worker import failed

CANCELED = execution_pb2.EXECUTION_STATUS_CANCELED
FAILED = execution_pb2.EXECUTION_STATUS_FAILED
SUSPENDED = execution_pb2.EXECUTION_STATUS_SUSPENDED


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few at a time, so that few make many slices."""
    monkeypatch.setattr(following, "MOST_CANCELLATIONS", 10)
    monkeypatch.setattr(cancellations, "PORTION", 5)
    monkeypatch.setattr(cancellations, "AGAIN", 0.1)


async def parent_of(served: Served, children: int, *, name: str = "child") -> str:
    """An execution that waits for so many children, all of them begun."""
    await served.register(flow(listen(), name=name))
    await served.register(flow(spawn(items="inputs.all", workflow=name), inputs=["all"]))
    execution_id = await served.start({"all": [*range(children)]})
    async with asyncio.timeout(20):
        while len(await family(served, execution_id)) < children:
            pass
    return execution_id


async def all_closed(served: Served, parent: str = "") -> list[execution_pb2.Execution]:
    """All executions, or the children of one, once they have closed."""
    async with asyncio.timeout(20):
        while True:
            found = await family(served, parent)
            if all(one.HasField("close_time") for one in found):
                return found
            await asyncio.sleep(0.01)


async def left_over(path: Path) -> int:
    """How many cancellations a server that has ended has left."""
    store = await Store.open(await database_url(path))
    try:
        return len(await store.cancellations("", 1_000))
    finally:
        await store.close()


async def test_children_are_cancelled_in_slices_and_none_is_left(path: Path) -> None:
    async with serving(path) as served:
        execution_id = await parent_of(served, 48)
        await served.cancel(execution_id)
        assert (await served.get(execution_id)).status == CANCELED
        children = await all_closed(served, execution_id)
        assert {child.status for child in children} == {CANCELED}
        turns = Counter(child.close_time.ToMicroseconds() for child in children)
        assert len(children) == 48
        assert max(turns.values()) == 10
        assert len(turns) >= 9
        last = (await served.events(children[-1].id))[-1]
        assert last.execution_canceled.reason.startswith(execution_id)
    assert await left_over(path) == 0


async def test_grandchildren_are_cancelled_too(path: Path) -> None:
    async with serving(path) as served:
        await served.register(flow(listen(), name="grandchild"))
        await served.register(flow(spawn(items=[*range(12)], workflow="grandchild"), name="child"))
        await served.register(flow(spawn(items=[*range(12)])))
        execution_id = await served.start()
        await served.cancel(execution_id)
        found = await all_closed(served)
        assert len(found) == 1 + 12 + 144
        assert {one.status for one in found} == {CANCELED}
    assert await left_over(path) == 0


@pytest.mark.parametrize("again", [False, True])
async def test_children_that_a_stop_has_left_are_cancelled_after_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    """The parent may be deleted meanwhile: they are known by their own ids."""
    monkeypatch.setattr(cancellations.Cancellations, "run_once", _nothing)
    async with serving(path) as served:
        execution_id = await parent_of(served, 40)
        await served.cancel(execution_id)
        children = await family(served, execution_id)
        assert Counter(child.status for child in children) == {CANCELED: 10, SUSPENDED: 30}
        if again:
            await served.delete(execution_id)
    assert await left_over(path) == 30
    monkeypatch.undo()
    async with serving(path) as served:
        found = await all_closed(served, execution_id)
        assert len(found) == 40
        assert {child.status for child in found} == {CANCELED}
    assert await left_over(path) == 0


async def _nothing(_: object, *, everything: bool) -> bool:
    return not everything


async def test_a_database_that_fails_in_between_delays_it_only(
    path: Path, door: Callable[[str], Door]
) -> None:
    commits = door("commit")
    async with serving(path) as served:
        execution_id = await parent_of(served, 40)
        commits.shut()
        cancelling = asyncio.ensure_future(served.cancel(execution_id))
        await commits.knocked.wait()
        commits.fail(3)  # the slices after it
        commits.let_in()
        await cancelling
        children = await all_closed(served, execution_id)
        assert {child.status for child in children} == {CANCELED}
        assert not commits.failing
    assert await left_over(path) == 0


async def test_others_are_served_between_two_slices(path: Path) -> None:
    async with serving(path) as served:
        execution_id = await parent_of(served, 300)
        await served.cancel(execution_id)
        other = await served.start(workflow="child")
        await served.signal(other)
        await served.closed(other)
        left = [child for child in await family(served, execution_id) if child.status == SUSPENDED]
        assert left
        await all_closed(served, execution_id)


async def test_children_that_end_by_themselves_meanwhile_stay_as_they_are(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancellations.Cancellations, "run_once", _nothing)
    async with serving(path) as served:
        execution_id = await parent_of(served, 12)
        await served.cancel(execution_id)
        first, second = [c for c in await family(served, execution_id) if c.status == SUSPENDED]
        await served.signal(first.id)
        await served.signal(second.id)
        await served.delete(second.id)
    monkeypatch.undo()
    async with serving(path) as served:
        # Later ones, which come after them.
        other = await parent_of(served, 11)
        await served.cancel(other)
        await all_closed(served, other)
        assert (await served.get(first.id)).status == execution_pb2.EXECUTION_STATUS_COMPLETED
    assert await left_over(path) == 0


async def test_a_retried_parent_keeps_its_new_children(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It failed, its old children are still to be cancelled, and it starts others."""
    monkeypatch.setattr(cancellations.Cancellations, "run_once", _nothing)
    async with serving(path) as served:
        await served.register(flow(listen(), name="child"))
        fork = flow(spawn(items=[*range(20)]), work("other"))
        fork.steps.insert(0, work("begin", "spawn", "other"))
        await served.register(fork)
        execution_id = await served.start()
        worker = await served.worker("begin", "other")
        await worker.complete(await worker.task())
        task = await worker.task()
        before = await family(served, execution_id)
        assert len(before) == 20
        await worker.send(outcomes=(failed(task),))
        assert (await served.closed(execution_id)).status == FAILED
        await served.retry(execution_id)
    monkeypatch.undo()
    async with serving(path) as served:
        async with asyncio.timeout(20):
            while True:
                found = await family(served, execution_id)
                states = Counter(child.status for child in found)
                if states == {CANCELED: 20, SUSPENDED: 20}:
                    break
                await asyncio.sleep(0.01)
        assert {c.id for c in found if c.status == CANCELED} == {c.id for c in before}
    assert await left_over(path) == 0


async def break_history(path: Path, execution_id: str) -> None:
    """Let the stored history of an execution be unreadable."""
    statement = (
        "UPDATE history SET events = 'broken' WHERE execution_key ="
        f" (SELECT key FROM executions WHERE id = '{execution_id}')"
    )
    url = await database_url(path)
    if url.startswith("postgresql"):
        await execute(url, statement)
        return
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def named(logs: Sequence[EventDict], execution_id: str) -> list[EventDict]:
    """What the log says of an execution."""
    return [log for log in logs if log.get("execution") == execution_id]


@pytest.mark.parametrize("number", [4, 40])
async def test_a_child_that_cannot_be_read_keeps_nobody_else_from_being_cancelled(
    path: Path, number: int
) -> None:
    """It is left as it is, and the log names it."""
    async with serving(path) as served:
        execution_id = await parent_of(served, number)
        broken = (await family(served, execution_id))[number // 2].id
    await break_history(path, broken)
    with capture_logs() as logs:
        async with serving(path, cached_dormant=2) as served:
            await served.cancel(execution_id)
            assert (await served.get(execution_id)).status == CANCELED
            async with asyncio.timeout(20):
                while not named(logs, broken):  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0.01)
            children = await family(served, execution_id)
            assert [c.id for c in children if c.status != CANCELED] == [broken]
    [told] = named(logs, broken)
    assert told["log_level"] == "error"
    assert await left_over(path) == 0


async def test_several_servers_share_the_slices_and_take_over_from_one_that_dies() -> None:
    async with together() as servers:
        one, other = await servers.join(), await servers.join()
        execution_id = await parent_of(one.served, 200)
        await one.served.cancel(execution_id)
        await one.kill()
        children = await all_closed(other.served, execution_id)
        assert len(children) == 200
        assert {child.status for child in children} == {CANCELED}
        async with asyncio.timeout(20):
            while await servers.fetch("SELECT * FROM cancellations"):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
