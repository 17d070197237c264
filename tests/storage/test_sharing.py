"""Servers that share a database: who is there, and who has which task.

The database that the simulation of several servers rests on keeps the same promises.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from branchline.server.cluster.notes import Note, read_note, write_notes
from branchline.server.storage import (
    Batch,
    Conflict,
    ExecutionChange,
    Peers,
    Store,
    TaskHold,
    TaskKey,
    TaskLease,
    TaskPull,
    TaskRow,
    TasksLost,
)
from tests.storage.examples import COMPLETED, FAILED, NOW, RUNNING, execution, task, transition
from tests.storage.shared import Shared, shared_database

QUEUE, ACTIVITY = "default", "charge"


@pytest.fixture(params=["postgresql", "simulated"])
async def shared(request: pytest.FixtureRequest) -> AsyncIterator[Shared]:
    """An empty database."""
    async with shared_database(request.param) as shared:
        yield shared


@pytest.fixture
async def stores(shared: Shared) -> AsyncIterator[tuple[Store, Store]]:
    """Two servers' stores on one database."""
    first, second = await shared.open(), await shared.open()
    for store in (first, second):
        await peers_of(store).join()
    yield first, second
    await first.close()
    await second.close()


def peers_of(store: Store) -> Peers:
    """A store as one among others."""
    assert store.peers is not None
    return store.peers


async def pull(store: Store, number: int, worker: str = "w") -> list[TaskRow]:
    """Take up to so many tasks."""
    pulls = [TaskPull(QUEUE, ACTIVITY, (worker,) * number)]
    return await store.commit(Batch(time=NOW, tasks_pulled=pulls))


def held(row: TaskRow) -> TaskHold:
    """The present delivery of a task."""
    return TaskHold(row.key, row.task, row.delivery)


async def add(store: Store, number: int) -> None:
    """Store tasks that nobody has."""
    await store.commit(Batch(tasks_added=[task(1, at) for at in range(1, number + 1)]))


async def test_two_that_pull_at_once_never_get_the_same(stores: tuple[Store, Store]) -> None:
    await add(stores[0], 400)
    rows: list[TaskRow] = []
    while len(rows) < 400:
        pulled = await asyncio.gather(*(pull(store, 30) for store in stores * 3))
        rows += [row for part in pulled for row in part]
    assert sorted(row.task for row in rows) == list(range(1, 401))
    assert {(row.delivery, row.worker, row.started_at) for row in rows} == {(1, "w", NOW)}


async def test_each_worker_gets_one_of_what_is_pulled(stores: tuple[Store, Store]) -> None:
    await add(stores[0], 3)
    pulls = [TaskPull(QUEUE, ACTIVITY, ("a", "b")), TaskPull(QUEUE, "other", ("a",))]
    rows = await stores[0].commit(Batch(time=NOW, tasks_pulled=pulls))
    assert [(row.task, row.worker) for row in rows] == [(1, "a"), (2, "b")]


async def test_only_the_server_that_has_a_task_may_end_it(stores: tuple[Store, Store]) -> None:
    one, other = stores
    await add(one, 2)
    [row, _] = await pull(one, 2)
    end = Batch(tasks_held=[held(row)], tasks_removed=[TaskKey(1, 1)])
    with pytest.raises(TasksLost) as lost:
        await other.commit(end)
    assert lost.value.tasks == {(1, 1)}
    await one.commit(end)
    with pytest.raises(TasksLost):
        await one.commit(end)


async def test_a_batch_that_lost_a_task_stores_nothing(stores: tuple[Store, Store]) -> None:
    one, _ = stores
    batch = Batch(started=[execution(7)], tasks_held=[TaskHold(1, 1, 1)])
    with pytest.raises(TasksLost):
        await one.commit(batch)
    assert await one.executions_by_key([7]) == []


async def test_a_task_that_nobody_has_is_held_until_somebody_takes_it(
    stores: tuple[Store, Store],
) -> None:
    one, other = stores
    await add(one, 1)
    waiting = Batch(tasks_held=[TaskHold(1, 1, 0, leased=False)])
    await other.commit(waiting)
    await pull(one, 1)
    with pytest.raises(TasksLost):
        await other.commit(waiting)


async def test_a_server_gives_back_only_what_is_its_own(stores: tuple[Store, Store]) -> None:
    one, other = stores
    await add(one, 1)
    [row] = await pull(one, 1)
    back = Batch(tasks_leased=[TaskLease(1, 1, None, row.delivery, NOW, 1)])
    await other.commit(back)
    assert await other.ready_offers() == []
    await one.commit(back)
    assert await other.ready_offers() == [(QUEUE, ACTIVITY)]
    [again] = await pull(other, 1)
    assert (again.delivery, again.losses) == (2, 1)
    await one.commit(back)
    assert await other.ready_offers() == []


async def test_a_delivery_that_stands_is_adopted_and_no_other(stores: tuple[Store, Store]) -> None:
    one, other = stores
    await add(one, 2)
    rows = await pull(one, 2)
    wrong = [TaskHold(1, 1, 2), TaskHold(1, 9, 1)]
    assert await peers_of(other).adopt(wrong) == []
    assert await peers_of(other).adopt([*wrong, held(rows[1])]) == [rows[1]]
    assert await peers_of(other).owned([TaskKey(1, 1), TaskKey(1, 2)]) == [TaskKey(1, 2)]
    assert await peers_of(one).owned([TaskKey(1, 1), TaskKey(1, 2)]) == [TaskKey(1, 1)]
    assert await peers_of(other).standing([held(row) for row in rows]) == rows
    assert await peers_of(other).standing(wrong) == []


async def test_what_is_adopted_while_a_server_comes_again_is_its_own(
    stores: tuple[Store, Store],
) -> None:
    """It has another id then: nobody looks after what its old one is given."""
    one, other = stores
    await add(one, 1)
    [row] = await pull(one, 1)
    for server in (other, one) * 5:
        peers = peers_of(server)
        await asyncio.gather(peers.join(), peers.adopt([held(row)]))
        assert await peers.owned([TaskKey(row.key, row.task)]) == [TaskKey(row.key, row.task)]


async def test_what_nobody_has_is_not_adopted(stores: tuple[Store, Store]) -> None:
    await add(stores[0], 1)
    assert await peers_of(stores[0]).adopt([TaskHold(1, 1, 0)]) == []


async def test_the_tasks_of_a_server_that_leaves_are_adopted_once(
    stores: tuple[Store, Store], shared: Shared
) -> None:
    one, other = stores
    third = await shared.open()
    await peers_of(third).join()
    await add(one, 5)
    rows = await pull(one, 3)
    assert await peers_of(other).adopt_orphans() == []
    await peers_of(one).leave()
    adopted = await asyncio.gather(*(peers_of(s).adopt_orphans() for s in (other, third)))
    assert sorted(row for part in adopted for row in part) == rows
    assert [] in adopted
    await third.close()


async def test_a_server_that_comes_again_takes_up_what_it_had(stores: tuple[Store, Store]) -> None:
    one, _ = stores
    await add(one, 2)
    rows = await pull(one, 2)
    before = peers_of(one).server
    assert await peers_of(one).join() == rows
    assert peers_of(one).server != before


async def test_a_silent_server_is_buried_and_told_so(
    stores: tuple[Store, Store], shared: Shared
) -> None:
    one, other = map(peers_of, stores)
    assert await one.roll() == await other.roll() == sorted([one.server, other.server])
    await shared.age(one.server)
    silent = [sign for sign in await other.signs() if sign.age > 5_000_000]
    assert [sign.server for sign in silent] == [one.server]
    assert await other.bury(silent) == [one.server]
    assert await other.roll() == [other.server]
    assert await one.beat() is None
    before = await other.now()
    told = await other.beat()
    assert told is not None
    assert told >= before


async def test_a_sign_of_life_keeps_a_server(stores: tuple[Store, Store]) -> None:
    one, other = map(peers_of, stores)
    before = await other.signs()
    assert await one.beat() is not None
    assert one.server not in await other.bury([s for s in before if s.server == one.server])


async def test_of_a_removal_and_a_new_start_in_life_one_is_refused(
    stores: tuple[Store, Store],
) -> None:
    """A closed execution that another server has taken up again is not removed."""
    one, other = stores
    await one.commit(Batch(started=[execution(1, status=FAILED, close_time=NOW)]))
    live = ExecutionChange(1, RUNNING, None, None, None, None)
    await other.commit(Batch(changed=[live], history=[transition(1, 1, 2)]))
    with pytest.raises(Conflict):
        await one.commit(Batch(deleted=[1]))
    await other.commit(Batch(changed=[live._replace(status=COMPLETED, close_time=NOW)]))
    await one.commit(Batch(deleted=[1]))
    with pytest.raises(Conflict):
        await other.commit(Batch(changed=[live], history=[transition(1, 3, 4)]))
    assert await one.history(1, 0, 10, 1000) == []


async def test_notes_are_heard_by_all_and_only_when_they_are_stored(
    stores: tuple[Store, Store],
) -> None:
    one, other = stores
    heard: list[str] = []
    listening, complete = asyncio.Event(), asyncio.Event()

    def hear(text: str) -> None:
        heard.append(text)
        if text == "last":
            complete.set()

    peers_of(other).listen(hear, listening.set)
    await asyncio.wait_for(listening.wait(), 10)
    with pytest.raises(TasksLost):
        await one.commit(Batch(tasks_held=[TaskHold(1, 1, 1)], notes=["never"]))
    await one.commit(Batch(started=[execution(1)], notes=["first"]))
    await peers_of(one).tell(["last"])
    await asyncio.wait_for(complete.wait(), 10)
    assert heard == ["first", "last"]


async def test_notes_of_the_longest_names_are_taken_and_say_everything(
    stores: tuple[Store, Store],
) -> None:
    """However many ids, of whatever characters, are told at once."""
    ids = [f"{number:03}" + "\U0001f600" * 197 for number in range(100)]
    ids += [f"{number:03}" + "\x01" * 197 for number in range(100)]
    offers = [("\x01" * 200, f"{number:03}" + "\x01" * 197) for number in range(20)]
    gone = [(2**62 + number, number) for number in range(1000)]
    note = Note("s" * 16, changed=ids, deleted=ids, offers=offers, gone=gone, withdrawn=True)
    texts = write_notes(note)
    await peers_of(stores[0]).tell(texts)
    notes = [read for text in texts if (read := read_note(text)) is not None]
    assert [each for read in notes for each in read.changed] == ids
    assert [each for read in notes for each in read.deleted] == ids
    assert [tuple(each) for read in notes for each in read.offers] == offers
    assert [tuple(each) for read in notes for each in read.gone] == gone
    assert {read.withdrawn for read in notes if read.gone} == {True}


def test_short_notes_go_together() -> None:
    ids = [f"exec_{number:016}" for number in range(200)]
    assert len(write_notes(Note("s", changed=ids))) == 1


def test_a_note_of_another_version_is_passed_over() -> None:
    assert read_note("not json") is None
    assert read_note('{"server":"s","unheard_of":1}') == Note("s")
