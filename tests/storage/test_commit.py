"""What is committed is there, as it was given, and all of it or nothing."""

from __future__ import annotations

import asyncio

import pytest

from branchline.server.storage import (
    Batch,
    Conflict,
    ExecutionChange,
    ExecutionRow,
    HistoryRow,
    SnapshotRow,
    Store,
    StoreError,
    StoreUnavailable,
    Taken,
    TaskKey,
    TaskLease,
    TaskRow,
)
from tests.storage.examples import COMPLETED, FAILED, NOW, execution, snapshot, task, transition

BIGGEST = 2**63 - 1


async def everything(store: Store, key: int) -> tuple[object, ...]:
    """All that is stored of an execution."""
    return (
        await store.executions_by_key([key]),
        await store.histories([key]),
        await store.snapshots([key]),
        await store.tasks_of(key),
    )


async def test_every_field_comes_back(store: Store) -> None:
    started = ExecutionRow(
        BIGGEST,
        "mine",
        "order",
        3,
        6,
        NOW,
        NOW + 1,
        NOW + 2,
        "r-1",
        "parent-1",
        '{"a/b":"ü\\n"}',
        '{"type":"x"}',
        '{"ü":1}',
    )
    row = HistoryRow(BIGGEST, 1, 4, NOW, '[{"text":"ü\\n😀"}]')
    state = SnapshotRow(BIGGEST, 4, '{"state":{}}')
    leased = TaskRow(
        BIGGEST, 7, "q", "a", '{"p":1}', "worker-1", 2, NOW + 3, 4_000_000, 5_000_000, NOW + 6
    )
    await store.commit(
        Batch(started=[started], history=[row], snapshots=[state], tasks_added=[leased])
    )
    assert await everything(store, BIGGEST) == (
        [started],
        {BIGGEST: [row]},
        {BIGGEST: state},
        [leased],
    )


async def test_a_change_replaces_every_field_that_can_change(store: Store) -> None:
    await store.commit(Batch(started=[execution(1, wake_at=NOW), execution(2, wake_at=NOW)]))
    await store.commit(
        Batch(changed=[ExecutionChange(1, COMPLETED, NOW + 9, None, None, '{"out":1}')])
    )
    [changed] = await store.executions_by_key([1])
    assert changed == execution(1, status=COMPLETED)._replace(
        close_time=NOW + 9, outputs='{"out":1}'
    )
    assert await store.executions_by_key([2]) == [execution(2, wake_at=NOW)]


async def test_a_batch_may_start_and_change_the_same_execution(store: Store) -> None:
    await store.commit(
        Batch(
            started=[execution(1)],
            changed=[ExecutionChange(1, FAILED, NOW + 5, error='{"type":"x"}')],
            tasks_added=[task(1, 1), task(1, 2)],
            tasks_leased=[TaskLease(1, 1, "w", 1, NOW)],
            tasks_removed=[TaskKey(1, 2)],
        )
    )
    [row] = await store.executions_by_key([1])
    assert (row.status, row.close_time, row.error) == (FAILED, NOW + 5, '{"type":"x"}')
    assert await store.tasks_of(1) == [task(1, 1)._replace(worker="w", delivery=1, started_at=NOW)]


async def test_the_later_of_two_rows_for_the_same_thing_counts(store: Store) -> None:
    await store.commit(
        Batch(
            started=[execution(1)],
            changed=[ExecutionChange(1, status) for status in (FAILED, COMPLETED)],
            snapshots=[snapshot(1, 5), snapshot(1, 9)],
            tasks_added=[task(1)],
            tasks_leased=[TaskLease(1, 1, "w", 1, NOW), TaskLease(1, 1, None, 1, NOW)],
        )
    )
    [row] = await store.executions_by_key([1])
    assert row.status == COMPLETED
    assert await store.snapshots([1]) == {1: snapshot(1, 9)}
    assert await store.tasks_of(1) == [task(1)._replace(delivery=1, started_at=NOW)]


async def test_a_snapshot_replaces_the_one_before(store: Store) -> None:
    await store.commit(Batch(snapshots=[snapshot(1, 5), snapshot(2, 5)]))
    await store.commit(Batch(snapshots=[snapshot(1, 9)]))
    assert await store.snapshots([1, 2, 3]) == {1: snapshot(1, 9), 2: snapshot(2, 5)}


async def test_removing_a_task_leaves_the_others(store: Store) -> None:
    """Tasks are named by execution and number together."""
    rows = [task(key, number) for key in (1, 2) for number in (1, 2)]
    await store.commit(Batch(tasks_added=rows))
    await store.commit(Batch(tasks_removed=[TaskKey(1, 2), TaskKey(2, 1), TaskKey(3, 3)]))
    assert await store.tasks_of(1) == [task(1, 1)]
    assert await store.tasks_of(2) == [task(2, 2)]


async def test_a_deleted_execution_leaves_nothing(store: Store) -> None:
    keys = [1, 2, 3]
    await store.commit(
        Batch(
            started=[execution(key, close_time=NOW, request_id=f"r-{key}") for key in keys],
            history=[transition(key, first, first) for key in keys for first in (1, 2)],
            snapshots=[snapshot(key, 1) for key in keys],
            tasks_added=[task(key, number) for key in keys for number in (1, 2)],
        )
    )
    kept = await everything(store, 2)
    await store.commit(Batch(deleted=[1, 3]))
    assert await everything(store, 1) == ([], {1: []}, {}, [])
    assert await everything(store, 3) == ([], {3: []}, {}, [])
    assert await everything(store, 2) == kept
    await store.commit(Batch(started=[execution(1, request_id="r-1")]))


async def test_an_empty_batch_is_nothing(store: Store) -> None:
    await store.commit(Batch())


@pytest.mark.parametrize(
    ("batch", "taken"),
    [
        (Batch(started=[execution(1)._replace(id="other")]), Taken.KEY),
        (Batch(started=[execution(2)._replace(id="exec_1")]), Taken.ID),
        (Batch(started=[execution(2, request_id="r-1")]), Taken.REQUEST),
        (Batch(history=[transition(1, 1, 2)]), Taken.HISTORY),
        (Batch(tasks_added=[task(1)]), Taken.TASK),
    ],
    ids=lambda value: value.name if isinstance(value, Taken) else "",
)
async def test_a_key_in_use_is_refused_by_name(store: Store, batch: Batch, taken: Taken) -> None:
    await store.commit(
        Batch(
            started=[execution(1, request_id="r-1")],
            history=[transition(1, 1, 3)],
            tasks_added=[task(1)],
        )
    )
    with pytest.raises(Conflict) as refusal:
        await store.commit(batch)
    assert refusal.value.taken is taken


async def test_a_request_id_is_unique_within_a_workflow_only(store: Store) -> None:
    rows = [execution(1, request_id="r"), execution(2, request_id="r", workflow="other")]
    await store.commit(Batch(started=rows))
    assert len(await store.executions_by_key([1, 2])) == len(rows)


async def test_a_batch_whose_last_row_is_refused_stores_nothing(store: Store) -> None:
    await store.commit(Batch(started=[execution(1)], tasks_added=[task(1, 1), task(1, 2)]))
    before = await everything(store, 1)
    with pytest.raises(Conflict):
        await store.commit(
            Batch(
                started=[execution(key) for key in range(2, 300)],
                changed=[ExecutionChange(1, COMPLETED)],
                history=[transition(1, 1, 1)],
                snapshots=[snapshot(1, 1)],
                tasks_added=[*(task(key) for key in range(2, 300)), task(1, 2)],
                tasks_removed=[TaskKey(1, 1)],
            )
        )
    assert await everything(store, 1) == before
    assert await store.executions_by_key(range(2, 300)) == []
    assert await store.ready_keys(("default", "charge"), limit=1000) == [(1, 1), (1, 2)]


async def test_after_a_refusal_the_next_commit_works(store: Store) -> None:
    await store.commit(Batch(started=[execution(1)]))
    commits = [
        store.commit(Batch(started=[execution(2)])),
        store.commit(Batch(started=[execution(3), execution(1)])),
        store.commit(Batch(started=[execution(4)])),
    ]
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [list, Conflict, list]
    rows = await store.executions_by_key([1, 2, 3, 4])
    assert {row.key for row in rows} == {1, 2, 4}


async def test_a_mistake_in_a_row_stores_nothing_and_does_no_harm(store: Store) -> None:
    """It is a fault of the program's own, and no other time will be better."""
    with pytest.raises(Exception, match=r"int64|too large") as mistake:
        await store.commit(Batch(started=[execution(1)], history=[transition(2**63, 1, 1)]))
    assert not isinstance(mistake.value, StoreError)
    await store.commit(Batch(started=[execution(1)]))


@pytest.mark.parametrize("count", [1, 2, 3, 127, 128, 129, 255, 3001])
async def test_any_number_of_rows_is_stored_completely(store: Store, count: int) -> None:
    keys = range(1, count + 1)
    await store.commit(
        Batch(
            started=[execution(key) for key in keys],
            changed=[ExecutionChange(key, COMPLETED, NOW + key) for key in keys],
            history=[transition(key, 1, 1, f"[{key}]") for key in keys],
            tasks_added=[task(key) for key in keys],
            tasks_leased=[TaskLease(key, 1, f"worker-{key}", 1, NOW) for key in keys],
        )
    )
    rows = await store.executions_by_key(keys)
    assert sorted((row.key, row.close_time) for row in rows) == [(key, NOW + key) for key in keys]
    histories = await store.histories(keys)
    assert {key: rows[0].events for key, rows in histories.items()} == {
        key: f"[{key}]" for key in keys
    }
    leased = await store.running_tasks()
    assert [row.worker for row in leased] == [f"worker-{key}" for key in keys]
    await store.commit(Batch(tasks_removed=[TaskKey(key, 1) for key in keys], deleted=list(keys)))
    assert await store.running_tasks() == []
    assert await store.executions_by_key(keys) == []


async def test_big_values_come_back_whole(store: Store) -> None:
    big = '"' + "ä" * 2_500_000 + '"'
    await store.commit(
        Batch(
            started=[execution(1)],
            history=[transition(1, 1, 1, big)],
            snapshots=[SnapshotRow(1, 1, big)],
            tasks_added=[task(1)._replace(payload=big)],
        )
    )
    assert (await store.histories([1]))[1][0].events == big
    assert (await store.snapshots([1]))[1].state == big
    assert (await store.tasks_of(1))[0].payload == big


async def test_a_commit_goes_on_without_its_caller(store: Store) -> None:
    """A caller that is cancelled, even before its commit's turn, takes nothing back."""
    commits = [
        asyncio.create_task(store.commit(Batch(started=[execution(key)]))) for key in range(20)
    ]
    await asyncio.sleep(0)
    for commit in commits:
        commit.cancel()
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {asyncio.CancelledError}
    await store.commit(Batch(started=[execution(20)]))
    assert len(await store.executions_by_key(range(21))) == 21


async def test_close_finishes_what_was_handed_in(url: str) -> None:
    store = await Store.open(url)
    commits = [
        asyncio.create_task(store.commit(Batch(started=[execution(key)]))) for key in range(50)
    ]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*commits)
    again = await Store.open(url)
    assert len(await again.executions_by_key(range(50))) == 50
    await again.close()


async def test_a_closed_store_refuses_and_may_be_closed_again(url: str) -> None:
    store = await Store.open(url)
    await asyncio.gather(store.close(), store.close())
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.commit(Batch(started=[execution(1)]))
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.next_due()


async def test_what_was_stored_is_there_after_opening_again(url: str) -> None:
    store = await Store.open(url)
    await store.commit(Batch(started=[execution(1)], history=[transition(1, 1, 2)]))
    stored = await everything(store, 1)
    await store.close()
    again = await Store.open(url)
    assert await everything(again, 1) == stored
    assert again.database_id == store.database_id
    await again.close()
