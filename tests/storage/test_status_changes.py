"""Changes of status: stored with their commit, in order, and removed from the oldest on."""

from __future__ import annotations

import pytest

from branchline.server.storage import (
    Batch,
    Conflict,
    ExecutionFilter,
    StatusChange,
    StatusStretch,
    Store,
)
from branchline.server.storage.status_changes import encode_changes
from tests.storage.examples import (
    ANY,
    COMPLETED,
    NOW,
    RUNNING,
    SUSPENDED,
    execution,
)

ALL = ExecutionFilter(statuses=ANY)


async def change(store: Store, *changes: tuple[int, int], time: int = NOW) -> None:
    """Store changes of status, given by key and status."""
    told = [StatusChange(*pair) for pair in changes]
    await store.commit(Batch(status_changes=told, time=time))


async def after(store: Store, position: int, limit: int = 100) -> StatusStretch:
    """The stretch after a position, however large."""
    return await store.status_changes(position, limit, 1_000_000)


def told(stretch: StatusStretch) -> list[tuple[int, list[tuple[str, int]]]]:
    """Position, and ids with statuses, of each entry."""
    return [
        (entry.position, [(known.id, status) for known, status in entry.changes])
        for entry in stretch.entries
    ]


async def test_each_commit_with_changes_has_the_next_position(store: Store) -> None:
    await store.commit(
        Batch(
            started=[execution(1), execution(2)],
            status_changes=[StatusChange(1, RUNNING), StatusChange(2, RUNNING)],
            time=NOW,
        )
    )
    await store.commit(Batch(started=[execution(3)]))
    await change(store, (2, SUSPENDED), (1, COMPLETED), (2, RUNNING))
    stretch = await after(store, 1)
    assert (stretch.first, stretch.head) == (1, 3)
    assert told(stretch) == [
        (2, [("exec_1", RUNNING), ("exec_2", RUNNING)]),
        (3, [("exec_2", SUSPENDED), ("exec_1", COMPLETED), ("exec_2", RUNNING)]),
    ]
    assert [entry.time for entry in stretch.entries] == [NOW, NOW]
    assert told(await after(store, 2)) == told(stretch)[1:]
    assert told(await after(store, 3)) == []


async def test_an_execution_is_told_with_what_filters_ask_for(store: Store) -> None:
    row = execution(1)._replace(labels='{"a":"b"}', parent="boss", outputs='{"large":1}')
    await store.commit(
        Batch(started=[row], status_changes=[StatusChange(1, COMPLETED)], time=NOW + 5)
    )
    [entry] = (await after(store, 1)).entries
    assert entry.time == NOW + 5
    [(known, status)] = entry.changes
    assert status == COMPLETED
    assert known == (1, "exec_1", "order", 1, NOW + 1, "boss", '{"a":"b"}')


async def test_nothing_changed_has_a_position_to_go_on_from(store: Store) -> None:
    assert await after(store, 1) == StatusStretch(1, 1, [])


async def test_a_refused_commit_takes_no_position(store: Store) -> None:
    await store.commit(Batch(started=[execution(1)]))
    with pytest.raises(Conflict):
        await store.commit(Batch(started=[execution(1)], status_changes=[StatusChange(1, RUNNING)]))
    assert (await after(store, 1)).head == 1


async def test_a_deleted_execution_is_left_out_and_its_entries_stay(store: Store) -> None:
    await store.commit(Batch(started=[execution(1, close_time=NOW), execution(2)]))
    await change(store, (1, COMPLETED), (2, COMPLETED))
    await change(store, (1, RUNNING))
    await store.commit(Batch(deleted=[1]))
    assert told(await after(store, 1)) == [(2, [("exec_2", COMPLETED)]), (3, [])]


async def test_a_read_ends_with_its_limits(store: Store) -> None:
    await store.commit(Batch(started=[execution(1)]))
    for _ in range(10):
        await change(store, (1, RUNNING))
    assert [entry.position for entry in (await after(store, 3, limit=2)).entries] == [4, 5]
    size = len("[[1,1]]")
    stretch = await store.status_changes(1, 100, 3 * size)
    assert [entry.position for entry in stretch.entries] == [2, 3, 4]
    assert len((await store.status_changes(1, 100, 1)).entries) == 1


async def test_old_entries_are_removed_in_order_and_in_batches(store: Store) -> None:
    await store.commit(Batch(started=[execution(1)]))
    for number in range(6):
        await change(store, (1, RUNNING), time=NOW + number)
    assert await store.remove_status_changes(NOW + 4, limit=3) == 3
    assert (await after(store, 4)).first == 4
    assert await store.remove_status_changes(NOW + 4, limit=3) == 1
    assert await store.remove_status_changes(NOW + 4, limit=3) == 0
    stretch = await after(store, 5)
    assert (stretch.first, stretch.head) == (5, 7)
    assert [entry.position for entry in stretch.entries] == [6, 7]


async def test_removing_leaves_no_gap_when_the_clock_was_set_back(store: Store) -> None:
    await store.commit(Batch(started=[execution(1)]))
    for time in (NOW + 9, NOW, NOW + 9):
        await change(store, (1, RUNNING), time=time)
    assert await store.remove_status_changes(NOW + 5, limit=10) == 0
    assert len((await after(store, 1)).entries) == 3


async def test_positions_ascend_after_everything_was_removed_and_a_restart(
    store: Store, url: str
) -> None:
    await store.commit(Batch(started=[execution(1)]))
    for _ in range(5):
        await change(store, (1, RUNNING))
    assert await store.remove_status_changes(NOW + 1_000_000, limit=100) == 4
    await store.close()
    again = await Store.open(url)
    try:
        await change(again, (1, COMPLETED))
        assert (await after(again, 6)).head == 7
    finally:
        await again.close()


async def test_present_statuses_come_with_the_position_that_they_contain(store: Store) -> None:
    rows = [execution(key, workflow="order" if key % 2 else "other") for key in range(1, 7)]
    await store.commit(Batch(started=rows, status_changes=[StatusChange(1, RUNNING)]))
    first = await store.present_statuses(ALL, limit=4)
    assert first.head == 2
    assert [known.key for known, _ in first.statuses] == [6, 5, 4, 3]
    await change(store, (2, COMPLETED))
    rest = await store.present_statuses(ALL, before_key=3, limit=4)
    assert rest.head == 3
    assert [(known.id, status) for known, status in rest.statuses] == [
        ("exec_2", RUNNING),
        ("exec_1", RUNNING),
    ]
    orders = ExecutionFilter(statuses=ANY, workflow="order")
    page = await store.present_statuses(orders, limit=10)
    assert [known.key for known, _ in page.statuses] == [5, 3, 1]


async def test_who_wants_to_know_is_told_of_commits_that_change_statuses(store: Store) -> None:
    seen: list[int] = []
    store.on_status_changes.append(lambda: seen.append(1))
    await store.commit(Batch(started=[execution(1)]))
    assert seen == []
    await change(store, (1, COMPLETED))
    assert seen == [1]


async def test_changes_of_any_keys_come_back_in_their_order(store: Store) -> None:
    """Whether keys ascend or not, lie close or far, or alternate."""
    low, high = 1, 1 << 62
    await store.commit(Batch(started=[execution(low), execution(5), execution(high)]))
    pairs = [(5, RUNNING), (5, SUSPENDED), (high, RUNNING), (low, RUNNING), (5, COMPLETED)]
    await change(store, *pairs)
    stretch = await after(store, 1)
    assert told(stretch) == [(2, [(f"exec_{key}", status) for key, status in pairs])]


def test_changes_of_executions_that_started_together_take_a_few_bytes() -> None:
    first = 1 << 60
    changes = [
        StatusChange(first + number, status)
        for number in range(100)
        for status in (RUNNING, SUSPENDED)
    ]
    assert len(encode_changes(changes)) < 100 * 10
