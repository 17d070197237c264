"""PostgreSQL goes away and comes back: nothing is half done, and nobody has to help."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from branchline.server.storage import (
    Batch,
    CommitUnknown,
    Conflict,
    ExecutionChange,
    PostgresOptions,
    StatusChange,
    Store,
    StoreUnavailable,
)
from tests.postgres import connect, execute, new_database, server_url
from tests.storage.examples import FAILED, execution
from tests.storage.wire import Wire, wired

QUICK = PostgresOptions(readers=2, connect_timeout=2.0, statement_timeout=0.5)
TERMINATE = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid != pg_backend_pid()"
)


ANSWER = b"C\0\0\0\rSELECT 0"
"""What PostgreSQL says when a commit is stored."""


@pytest.fixture
async def database() -> AsyncIterator[str]:
    """The URL of an empty database."""
    async with new_database() as url:
        yield url


@pytest.fixture
async def wire(database: str) -> AsyncIterator[Wire]:
    """A wire to that database."""
    async with wired(database) as wire:
        yield wire


@pytest.fixture
async def store(wire: Wire) -> AsyncIterator[Store]:
    """A store at the end of the wire, with all its connections open."""
    store = await Store.open(wire.url, postgres=QUICK)
    await use(store, 1)
    yield store
    await store.close()


async def use(store: Store, key: int) -> None:
    """Use all connections of a store."""
    await store.commit(Batch(started=[execution(key)]))
    await store.add_workflow(f"workflow-{key}", "hash", "{}")
    reads = [store.executions_by_key([key]) for _ in range(QUICK.readers)]
    assert await asyncio.gather(*reads) == [[execution(key)]] * QUICK.readers


async def keys(store: Store) -> set[int]:
    """The keys of what is stored."""
    return {row.key for row in await store.executions_by_key(range(100))}


async def test_connections_that_were_terminated_are_not_noticed(
    store: Store, database: str
) -> None:
    await execute(database, TERMINATE)
    await use(store, 2)
    await execute(database, TERMINATE)
    assert await keys(store) == {1, 2}


async def test_connections_that_broke_unseen_are_not_noticed(store: Store, wire: Wire) -> None:
    """The first use of each finds out, before anything is stored."""
    wire.break_connections()
    await use(store, 2)


async def test_while_the_database_is_away_it_is_unavailable_and_then_not(
    store: Store, wire: Wire
) -> None:
    await wire.cut()
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await store.commit(Batch(started=[execution(2)]))
        with pytest.raises(StoreUnavailable, match="not available"):
            await store.executions_by_key([1])
        with pytest.raises(StoreUnavailable, match="not available"):
            await store.add_workflow("order", "hash", "{}")
    await wire.plug_in()
    await use(store, 2)
    assert await keys(store) == {1, 2}


async def test_a_read_whose_connection_breaks_under_it_is_done_again(
    store: Store, wire: Wire
) -> None:
    cuts = [True]
    wire.before_client = lambda said: b"exec_1" in said and bool(cuts and cuts.pop())
    assert await store.executions_by_key([1]) == [execution(1)]
    assert cuts == []


async def test_a_commit_that_breaks_before_its_end_is_done_again(store: Store, wire: Wire) -> None:
    cuts = [True]
    wire.before_server = lambda said: b"exec_2" in said and bool(cuts and cuts.pop())
    await store.commit(Batch(started=[execution(2)]))
    assert cuts == []
    assert await keys(store) == {1, 2}


async def test_a_commit_that_breaks_every_time_may_have_been_stored(
    store: Store, wire: Wire
) -> None:
    wire.before_server = lambda said: b"exec_2" in said
    with pytest.raises(CommitUnknown, match="may have been stored"):
        await store.commit(Batch(started=[execution(2)]))
    wire.before_server = lambda _: False
    assert await keys(store) == {1}


async def test_a_commit_whose_answer_is_lost_is_not_stored_twice(store: Store, wire: Wire) -> None:
    cuts = [True]
    wire.before_client = lambda said: ANSWER in said and bool(cuts and cuts.pop())
    with pytest.raises(CommitUnknown, match="may have been stored"):
        await store.commit(Batch(started=[execution(2)]))
    assert cuts == []
    assert await keys(store) == {1, 2}
    await use(store, 3)


async def test_a_commit_that_could_be_stored_twice_is_not_tried_again(
    store: Store, wire: Wire
) -> None:
    """Without events nothing tells whether it was stored."""
    cuts = [True]
    wire.before_server = lambda said: b"to be told" in said and bool(cuts and cuts.pop())
    with pytest.raises(CommitUnknown, match="may have been stored"):
        await store.commit(Batch(notes=["to be told"]))
    await store.commit(Batch(notes=["to be told"]))


async def test_another_write_whose_answer_is_lost_may_have_been_stored(
    store: Store, wire: Wire
) -> None:
    wire.before_client = lambda said: said.startswith(b"C\0\0\0\x0bCOMMIT")
    with pytest.raises(CommitUnknown, match="may have been stored"):
        await store.add_workflow("order", "hash", "{}")
    wire.before_client = lambda _: False
    assert await store.add_workflow("order", "hash", "{}") == (1, False)


async def test_a_wire_that_goes_silent_is_given_up(store: Store, wire: Wire) -> None:
    """Nobody is told that it broke: what waits longest is the wait for an answer."""
    wire.flowing.clear()
    with pytest.raises(StoreUnavailable):
        await store.executions_by_key([1])
    wire.flowing.set()
    await use(store, 2)


async def test_a_commit_that_takes_too_long_is_given_up(store: Store, database: str) -> None:
    """Another program holds a row that the commit wants to change."""
    other = await connect(database)
    async with other.transaction():
        await other.execute("SELECT FROM executions WHERE key = 1 FOR UPDATE")
        with pytest.raises(StoreUnavailable, match="statement timeout") as given_up:
            await store.commit(Batch(started=[execution(2)], changed=[ExecutionChange(1, FAILED)]))
        assert not isinstance(given_up.value, CommitUnknown)
    await other.close()
    assert await keys(store) == {1}
    await use(store, 2)


async def test_a_read_that_takes_too_long_is_given_up(store: Store, database: str) -> None:
    other = await connect(database)
    async with other.transaction():
        await other.execute("LOCK TABLE executions")
        with pytest.raises(StoreUnavailable, match="statement timeout"):
            await store.executions_by_key([1])
    await other.close()
    assert await keys(store) == {1}


async def test_more_reads_than_connections_wait_for_each_other(store: Store) -> None:
    found = await asyncio.gather(*(store.executions_by_key([1]) for _ in range(50)))
    assert found == [[execution(1)]] * 50


async def test_a_commit_that_waits_for_another_servers_is_refused_when_that_is_stored(
    store: Store, database: str
) -> None:
    other = await Store.open(database)
    try:
        commits = [
            one.commit(Batch(started=[execution(key)]))
            for key in range(10, 20)
            for one in (store, other)
        ]
        outcomes = await asyncio.gather(*commits, return_exceptions=True)
    finally:
        await other.close()
    assert outcomes.count([]) == 10
    assert {type(outcome) for outcome in outcomes} == {list, Conflict}


async def test_close_finishes_what_is_under_way(wire: Wire, database: str) -> None:
    store = await Store.open(wire.url, postgres=QUICK)
    commits = [
        asyncio.create_task(store.commit(Batch(started=[execution(key)]))) for key in range(5)
    ]
    read = asyncio.create_task(store.executions_by_key([1]))
    await asyncio.sleep(0)
    await asyncio.gather(store.close(), store.close())
    await asyncio.gather(*commits, read)
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.executions_by_key([1])
    other = await connect(database)
    assert await other.fetchval("SELECT count(*) FROM executions") == 5
    await other.close()


async def test_close_lets_go_of_every_connection(store: Store, database: str) -> None:
    await store.close()
    # Refused as long as anybody uses it.
    await execute(server_url(), f"DROP DATABASE {urlsplit(database).path[1:]}")


async def test_the_same_version_from_two_servers_is_one(store: Store, database: str) -> None:
    other = await Store.open(database)
    try:
        for number in range(5):
            adding = [one.add_workflow("order", f"{number}", "{}") for one in (store, other)]
            assert sorted(await asyncio.gather(*adding)) == [
                (number + 1, False),
                (number + 1, True),
            ]
    finally:
        await other.close()


async def test_positions_of_two_servers_become_visible_in_order(
    store: Store, database: str
) -> None:
    """Who has read a position will never find a new one before it."""
    other = await Store.open(database)

    async def change(one: Store) -> None:
        for _ in range(30):
            await one.commit(Batch(status_changes=[StatusChange(1, FAILED)]))

    async def read() -> list[int]:
        seen: list[int] = []
        while len(seen) < 60:
            after = seen[-1] if seen else 1
            stretch = await other.status_changes(after, 100, 10_000)
            seen += [entry.position for entry in stretch.entries]
        return seen

    try:
        seen, *_ = await asyncio.gather(read(), change(store), change(other))
    finally:
        await other.close()
    assert seen == list(range(2, 62))


async def test_close_while_the_database_is_away_ends(wire: Wire) -> None:
    store = await Store.open(wire.url, postgres=QUICK)
    await use(store, 1)
    await wire.cut()
    await store.close()
    await wire.plug_in()
