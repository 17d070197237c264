"""Deliveries that come from and go to other servers, where a moment matters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec
import pytest

from branchline.server.cluster.holdings import Holdings
from branchline.server.dispatch import SharedDispatcher, TaskKey, TaskToken, WorkerOutbox
from branchline.server.storage import (
    Batch,
    CommitUnknown,
    Peers,
    Store,
    TaskHold,
    TaskLease,
    TaskPull,
    TaskRow,
)
from branchline.server.storage import TaskKey as RowKey
from branchline.server.tasks import pending_task
from tests.server.clocks import HandClock
from tests.server.pending import LEASE, TOKENS, WORK, numbers, pending
from tests.simulation.odds import NOTHING
from tests.storage.shared import Simulated

TOKEN = TaskToken(7, 1, 1)
KEY = TaskKey(7, 1)
ROW = TaskRow(*KEY, *WORK, msgspec.json.encode(pending(1).payload).decode())


class Server(NamedTuple):
    """A server, as far as its tasks are concerned."""

    store: Store
    peers: Peers
    dispatcher: SharedDispatcher
    holdings: Holdings
    suspicions: list[str]


async def server_on(shared: Simulated) -> Server:
    """A server that has come to the others."""
    store, suspicions = await shared.open(), list[str]()
    peers = store.peers
    assert peers is not None
    await peers.join()
    dispatcher = SharedDispatcher(HandClock(), TOKENS, LEASE)
    holdings = Holdings(
        peers, dispatcher, lambda: None, lambda: suspicions.append("something is unknown")
    )
    return Server(store, peers, dispatcher, holdings, suspicions)


async def pull(server: Server, worker: str = "w") -> WorkerOutbox:
    """Let a worker of a server get the task; what it is sent."""
    _, outbox = server.dispatcher.connect(worker, (WORK,), 1, [])
    server.dispatcher.left_out.offers.add(WORK)
    pulls = server.dispatcher.pulls()
    rows = await server.store.commit(Batch(tasks_pulled=[TaskPull(*WORK, (worker,))]))
    server.dispatcher.pulled(pulls, map(pending_task, rows))
    assert numbers(outbox) == [1]
    return outbox


async def give_back(server: Server) -> None:
    """Take the task's first delivery from whichever server has it, and let the task wait."""
    await server.peers.adopt([TaskHold(*TOKEN)])
    await server.store.commit(Batch(tasks_leased=[TaskLease(*KEY, None, 1, 1, 0)]))


async def owns(server: Server) -> bool:
    """Whether a server has the task by what the database says."""
    return await server.peers.owned([RowKey(*KEY)]) == [RowKey(*KEY)]


@pytest.fixture
def shared() -> Simulated:
    """A database for several servers."""
    return Simulated()


@pytest.fixture
async def servers(shared: Simulated) -> AsyncIterator[tuple[Server, Server]]:
    """Two servers; there is a task that nobody has."""
    one, other = await server_on(shared), await server_on(shared)
    await one.store.commit(Batch(tasks_added=[ROW]))
    yield one, other
    await one.store.close()
    await other.store.close()


async def test_who_hangs_up_while_a_task_changes_servers_leaves_it_looked_after(
    servers: tuple[Server, Server],
) -> None:
    one, other = servers
    await pull(one)
    telling = asyncio.ensure_future(other.holdings.adopt([TOKEN]))
    await asyncio.sleep(0)
    telling.cancel()
    async with asyncio.timeout(10):
        while KEY not in other.dispatcher.tasks:
            await owns(other)
    assert await owns(other)
    assert telling.cancelled()


async def test_a_server_that_may_have_taken_a_task_comes_again(
    servers: tuple[Server, Server], shared: Simulated
) -> None:
    one, other = servers
    await pull(one)
    shared.faults.odds = replace(NOTHING, in_doubt=1.0)
    with pytest.raises(CommitUnknown):
        await other.holdings.adopt([TOKEN])
    assert other.suspicions


async def test_a_task_that_comes_back_while_its_loss_is_looked_at_stays(
    servers: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another server has told, and what the database has answered, may be long ago."""
    one, other = servers
    await pull(one)
    await other.holdings.adopt([TOKEN])
    asked, ask = asyncio.Event(), one.peers.owned
    come_back = asyncio.Event()

    async def answer_late(keys: Sequence[RowKey]) -> list[RowKey]:
        own = await ask(keys)
        asked.set()
        await come_back.wait()
        return own

    monkeypatch.setattr(one.peers, "owned", answer_late)
    losing = asyncio.ensure_future(one.holdings.let_go([KEY]))
    await asked.wait()
    one.dispatcher.forget(KEY)  # as another word of the same may do
    await one.holdings.adopt([TOKEN])
    come_back.set()
    await losing
    assert list(one.dispatcher.tasks) == [KEY]


async def test_a_task_that_is_fetched_again_while_its_loss_is_looked_at_stays(
    servers: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = servers
    await pull(one)
    await give_back(other)
    ask = one.peers.owned

    async def answer_late(keys: Sequence[RowKey]) -> list[RowKey]:
        own = await ask(keys)
        await pull(one, "another")
        return own

    monkeypatch.setattr(one.peers, "owned", answer_late)
    await one.holdings.let_go([KEY])
    monkeypatch.undo()
    assert await owns(one)
    assert one.dispatcher.tasks[KEY].delivery == 2


async def test_a_look_at_a_delivery_that_is_over_does_not_hit_the_next(
    servers: tuple[Server, Server],
) -> None:
    """The answer that has the next may come after the look, which knows nothing of it."""
    one, other = servers
    outbox = await pull(one)
    await give_back(other)
    worker, again = one.dispatcher.connect("another", (WORK,), 1, [])
    one.dispatcher.left_out.offers.add(WORK)
    pulls = one.dispatcher.pulls()
    rows = await one.store.commit(Batch(tasks_pulled=[TaskPull(*WORK, ("another",))]))
    await one.holdings.look()
    one.dispatcher.pulled(pulls, map(pending_task, rows))
    assert await owns(one)
    assert numbers(again) == [1]
    assert list(worker.held) == [KEY]
    assert [TOKENS.read(token) for token, _ in outbox.take().cancellations] == [TOKEN]


@pytest.mark.parametrize("word", ["lease ended", "taken elsewhere"])
async def test_a_sign_of_life_from_before_a_worker_was_told_to_stop_keeps_nothing(
    servers: tuple[Server, Server], word: str
) -> None:
    """The worker has let go of the task and keeps its stream: nobody else would ever get it."""
    one, other = servers
    await pull(one)
    await other.holdings.adopt([TOKEN])
    if word == "lease ended":
        one.dispatcher.release(one.dispatcher.tasks[KEY])
    else:
        one.dispatcher.forget(KEY)
    _, outbox = one.dispatcher.connect("w", (WORK,), 1, [TOKEN])
    assert [TOKENS.read(token) for token, _ in outbox.take().cancellations] == [TOKEN]
    one.dispatcher.take_given_back()  # in vain, as the other has it
    await one.holdings.adopt([TOKEN])
    assert list(one.dispatcher.tasks) == []
    assert [task.key for task in one.dispatcher.take_given_back()] == [KEY]


async def test_a_worker_that_has_not_heard_that_it_is_to_stop_goes_on(
    servers: tuple[Server, Server],
) -> None:
    one, other = servers
    await pull(one)
    await other.holdings.adopt([TOKEN])
    one.dispatcher.release(one.dispatcher.tasks[KEY])
    one.dispatcher.take_given_back()
    worker, outbox = one.dispatcher.connect("w", (WORK,), 1, [])
    one.dispatcher.disconnect(worker, outbox)
    for _ in range(2):
        await one.holdings.adopt([TOKEN])
        one.dispatcher.connect("w", (WORK,), 1, [TOKEN])
        assert list(one.dispatcher.tasks) == [KEY]
        await other.holdings.adopt([TOKEN])
        await one.holdings.let_go([KEY])
    await one.holdings.adopt([TOKEN])
    assert list(one.dispatcher.tasks) == [KEY]


async def test_a_worker_is_told_to_stop_what_has_ended_without_a_word(
    servers: tuple[Server, Server],
) -> None:
    one, other = servers
    outbox = await pull(one)
    await other.store.commit(Batch(tasks_removed=[RowKey(*KEY)]))
    await one.holdings.look()
    assert list(one.dispatcher.tasks) == []
    assert [TOKENS.read(token) for token, _ in outbox.take().cancellations] == [TOKEN]


async def test_what_another_server_has_taken_without_a_word_is_let_go(
    servers: tuple[Server, Server],
) -> None:
    """Its worker goes on: it has told the other server that it is at it."""
    one, other = servers
    outbox = await pull(one)
    await other.holdings.adopt([TOKEN])
    await one.holdings.look()
    assert list(one.dispatcher.tasks) == []
    assert not outbox.take().cancellations
    assert await owns(other)


async def test_what_a_worker_has_is_not_let_go(servers: tuple[Server, Server]) -> None:
    one, _ = servers
    outbox = await pull(one)
    await one.holdings.look()
    assert list(one.dispatcher.tasks) == [KEY]
    assert not outbox.take().cancellations


async def test_what_is_inherited_for_a_worker_that_has_not_named_it_waits_again(
    servers: tuple[Server, Server],
) -> None:
    """It is lost: a worker that starts anew under its old id does not know of it."""
    one, other = servers
    await pull(one)
    _, outbox = other.dispatcher.connect("w", (WORK,), 1, [])
    await one.peers.leave()
    await other.holdings.inherit_orphans()
    assert list(other.dispatcher.tasks) == []
    assert [task.key for task in other.dispatcher.take_given_back()] == [KEY]
    assert [TOKENS.read(token) for token, _ in outbox.take().cancellations] == [TOKEN]


async def test_what_is_inherited_for_a_worker_that_is_elsewhere_is_its_own(
    servers: tuple[Server, Server],
) -> None:
    one, other = servers
    await pull(one)
    await one.peers.leave()
    await other.holdings.inherit_orphans()
    other.dispatcher.connect("w", (WORK,), 1, [TOKEN])
    assert list(other.dispatcher.tasks) == [KEY]
