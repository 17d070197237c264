"""Reads give what was asked for, in the order that they promise."""

from __future__ import annotations

import pytest

from branchline.server.storage import (
    Batch,
    Due,
    ExecutionChange,
    ExecutionFilter,
    Store,
    TaskKey,
    TaskLease,
)
from tests.storage.examples import (
    ANY,
    COMPLETED,
    FAILED,
    NOW,
    RUNNING,
    SUSPENDED,
    execution,
    snapshot,
    task,
    transition,
)

MANY = 1203
CHARGE = ("default", "charge")


async def test_executions_are_found_by_id_key_and_request(store: Store) -> None:
    rows = [execution(key, request_id=f"r-{key}") for key in range(MANY)]
    await store.commit(Batch(started=rows))
    assert sorted(await store.executions_by_id([*(row.id for row in rows), "unknown"])) == rows
    statuses = await store.statuses_by_id([*(row.id for row in rows), "unknown"])
    assert statuses == {row.id: row.status for row in rows}
    assert sorted(await store.executions_by_key(range(MANY + 1))) == rows
    requests = [("order", f"r-{key}") for key in range(MANY)]
    assert sorted(await store.executions_by_request([*requests, ("order", "other")])) == rows
    same_id, same_request = await store.executions_in_the_way(["unknown", rows[0].id], requests[:2])
    assert (same_id, sorted(same_request)) == (rows[:1], rows[:2])


async def test_a_request_is_looked_for_in_its_workflow_only(store: Store) -> None:
    rows = [
        execution(1, request_id="a"),
        execution(2, request_id="b", workflow="other"),
        execution(3, request_id="a", workflow="other"),
    ]
    await store.commit(Batch(started=rows))
    found = await store.executions_by_request([("other", "a"), ("order", "b"), ("order", "a")])
    assert sorted(found) == [rows[0], rows[2]]


async def test_nothing_asked_for_is_nothing_found(store: Store) -> None:
    await store.commit(Batch(started=[execution(1)], history=[transition(1, 1, 1)]))
    assert await store.executions_by_id([]) == []
    assert await store.statuses_by_id([]) == {}
    assert await store.executions_by_request([]) == []
    assert await store.histories([]) == {}
    assert await store.snapshots([]) == {}
    assert await store.list_executions(ExecutionFilter(statuses=[]), limit=5) == []


async def keys(store: Store, limit: int = 100, **conditions: object) -> list[int]:
    """The keys that a filter lets through, page by page."""
    wanted = ExecutionFilter(**{"statuses": ANY, **conditions})  # type: ignore[arg-type]  # a test's shorthand
    found: list[int] = []
    before: int | None = None
    while page := await store.list_executions(wanted, before_key=before, limit=limit):
        assert len(page) <= limit
        found += [row.key for row in page]
        before = page[-1].key
    return found


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_lists_are_paged_newest_first(store: Store, limit: int) -> None:
    statuses = [RUNNING, COMPLETED, COMPLETED, FAILED, SUSPENDED]
    await store.commit(
        Batch(started=[execution(key, status=statuses[key % 5]) for key in range(1, 24)])
    )
    assert await keys(store, limit) == list(range(23, 0, -1))
    assert await keys(store, limit, statuses=[FAILED, RUNNING]) == [
        key for key in range(23, 0, -1) if statuses[key % 5] in {FAILED, RUNNING}
    ]


async def test_lists_are_filtered_by_all_conditions(store: Store) -> None:
    await store.commit(
        Batch(
            started=[
                execution(1, workflow="a"),
                execution(2, workflow="a", status=FAILED),
                execution(3, workflow="b", status=FAILED),
                execution(4, workflow="a", status=FAILED),
            ]
        )
    )
    assert await keys(store, workflow="a") == [4, 2, 1]
    assert await keys(store, workflow="a", statuses=[FAILED]) == [4, 2]
    assert await keys(store, started_after=NOW + 2) == [4, 3, 2]
    assert await keys(store, started_before=NOW + 3) == [2, 1]
    assert await keys(store, workflow="a", started_after=NOW + 2, started_before=NOW + 4) == [2]
    assert await keys(store, workflow="none") == []
    assert await keys(store, statuses=[FAILED, FAILED]) == [4, 3, 2]


async def test_lists_follow_changes_of_status(store: Store) -> None:
    await store.commit(Batch(started=[execution(1), execution(2)]))
    await store.commit(Batch(changed=[ExecutionChange(1, COMPLETED)]))
    assert await keys(store, statuses=[RUNNING]) == [2]
    assert await keys(store, statuses=[COMPLETED]) == [1]


async def test_executions_are_counted_by_status(store: Store) -> None:
    await store.commit(
        Batch(
            started=[
                *(execution(key, status=FAILED) for key in range(1, 4)),
                *(execution(key, workflow="b") for key in range(4, 6)),
                execution(6),
            ]
        )
    )
    count = store.count_executions
    assert await count(ExecutionFilter(statuses=ANY)) == {FAILED: 3, RUNNING: 3}
    assert await count(ExecutionFilter(statuses=[RUNNING], workflow="b")) == {RUNNING: 2}
    assert await count(ExecutionFilter(statuses=ANY, started_after=NOW + 3)) == {
        FAILED: 1,
        RUNNING: 3,
    }


async def test_what_is_due_comes_in_the_order_of_time(store: Store) -> None:
    wakes = {1: 30, 2: 10, 3: None, 4: 20, 5: 10, 6: 40}
    await store.commit(Batch(started=[execution(key, wake_at=at) for key, at in wakes.items()]))
    expected = [Due(10, 2, "exec_2"), Due(10, 5, "exec_5"), Due(20, 4, "exec_4")]
    assert await store.next_due() == 10
    assert await store.due(29, 10) == expected
    assert await store.due(30, 10) == [*expected, Due(30, 1, "exec_1")]
    assert await store.due(30, 2) == expected[:2]
    assert await store.due(30, 2, after=(10, 2)) == expected[1:]
    assert await store.due(20, 2, after=(10, 5)) == expected[2:]
    assert await store.due(20, 2, after=(20, 4)) == []


async def test_what_is_no_longer_due_is_forgotten(store: Store) -> None:
    await store.commit(
        Batch(started=[execution(1, wake_at=10), execution(2, wake_at=20, close_time=NOW)])
    )
    await store.commit(Batch(changed=[ExecutionChange(1, RUNNING, wake_at=None)]))
    assert await store.next_due() == 20
    await store.commit(Batch(deleted=[2]))
    assert await store.next_due() is None
    assert await store.due(100, 10) == []


@pytest.mark.parametrize(
    ("after", "limit", "expected"),
    [
        (0, 10, [0, 1, 2]),
        (0, 2, [0, 1]),
        (2, 10, [0, 1, 2]),
        (3, 10, [1, 2]),
        (4, 10, [2]),
        (5, 10, [2]),
        (9, 10, []),
    ],
)
async def test_a_history_is_read_on_from_any_event(
    store: Store, after: int, limit: int, expected: list[int]
) -> None:
    """A row that holds earlier events too is given whole."""
    rows = [transition(2, 1, 3), transition(2, 4, 4), transition(2, 5, 9)]
    others = [transition(key, 1, 100) for key in (1, 3)]
    started = [execution(key) for key in (1, 2, 3)]
    await store.commit(Batch(started=started, history=[*rows, *others]))
    assert await store.history(2, after, limit) == [rows[index] for index in expected]


async def test_a_history_is_read_no_further_than_its_bytes_allow(store: Store) -> None:
    """The row that reaches the bound is given, so that every read gets on."""
    rows = [transition(2, 1, 3), transition(2, 4, 4), transition(2, 5, 9)]
    await store.commit(Batch(started=[execution(2)], history=rows))
    size = len(rows[0].events)
    assert await store.history(2, 0, 10, 1) == rows[:1]
    assert await store.history(2, 0, 10, size + 1) == rows[:2]
    assert await store.history(2, 0, 10, 1_000_000) == rows


async def test_many_histories_are_read_at_once_each_from_its_snapshot(store: Store) -> None:
    rows = {key: [transition(key, 1, 2), transition(key, 3, 4)] for key in range(1, MANY)}
    await store.commit(
        Batch(
            started=[execution(key) for key in rows],
            history=[row for pair in rows.values() for row in pair],
            snapshots=[snapshot(1, 2), snapshot(2, 4)],
        )
    )
    snapshots = await store.snapshots(range(1, MANY))
    assert snapshots == {1: snapshot(1, 2), 2: snapshot(2, 4)}
    after = {key: row.sequence for key, row in snapshots.items()}
    assert await store.histories(range(1, MANY + 1), after) == {
        **rows,
        1: rows[1][1:],
        2: [],
        MANY: [],
    }


async def test_ready_tasks_are_paged_by_execution_and_number(store: Store) -> None:
    rows = [task(key, number) for key in (1, 2, 3) for number in (1, 2, 3)]
    await store.commit(
        Batch(
            tasks_added=rows[::-1],
            tasks_leased=[TaskLease(2, 2, "w", 1, NOW), TaskLease(3, 1, "w", 1, NOW)],
        )
    )
    ready = [row for row in rows if (row.key, row.task) not in {(2, 2), (3, 1)}]
    keys = [TaskKey(row.key, row.task) for row in ready]
    assert await store.ready_keys(CHARGE, limit=100) == keys
    assert await store.ready_keys(CHARGE, limit=3) == keys[:3]
    assert await store.ready_keys(CHARGE, (1, 3), limit=100) == keys[3:]
    assert await store.ready_keys(CHARGE, (2, 1), limit=2) == keys[4:6]
    assert await store.ready_tasks([(2, 2), (9, 9), *keys[::-1]]) == ready
    assert await store.ready_tasks([]) == []
    assert [(row.key, row.task) for row in await store.running_tasks()] == [(2, 2), (3, 1)]


async def test_ready_tasks_are_found_by_queue_and_activity(store: Store) -> None:
    rows = [
        task(1),
        task(2)._replace(queue="other"),
        task(3)._replace(activity="refund"),
        task(4),
        task(5)._replace(activity="pack"),
    ]
    await store.commit(
        Batch(tasks_added=rows, tasks_leased=[TaskLease(key, 1, "w", 1, NOW) for key in (4, 5)])
    )
    refund = ("default", "refund")
    assert sorted(await store.ready_offers()) == [CHARGE, refund, ("other", "charge")]
    assert await store.ready_keys(CHARGE, limit=9) == [(1, 1)]
    assert await store.ready_keys(refund, limit=9) == [(3, 1)]


async def test_more_ready_tasks_are_read_than_a_statement_takes(store: Store) -> None:
    rows = [task(key) for key in range(MANY)]
    await store.commit(Batch(tasks_added=rows))
    keys = await store.ready_keys(CHARGE, limit=MANY)
    assert await store.ready_tasks(keys) == rows


async def test_tasks_that_time_is_running_for_are_found_whoever_has_them(store: Store) -> None:
    rows = [
        task(1),
        task(2)._replace(schedule_deadline=NOW),
        task(3)._replace(schedule_deadline=NOW, started_at=NOW, delivery=1),
        task(4)._replace(attempt_timeout=5),
        task(5)._replace(attempt_timeout=5, started_at=NOW, delivery=1),
    ]
    await store.commit(Batch(tasks_added=rows))
    assert await store.running_tasks() == [rows[1], rows[4]]


async def test_a_task_that_is_given_back_is_ready_again(store: Store) -> None:
    await store.commit(Batch(tasks_added=[task(1), task(2)]))
    await store.commit(
        Batch(tasks_leased=[TaskLease(1, 1, "w", 1, NOW), TaskLease(2, 1, "w", 1, NOW)])
    )
    await store.commit(
        Batch(tasks_leased=[TaskLease(1, 1, None, 1, NOW)], tasks_removed=[TaskKey(2, 1)])
    )
    assert await store.running_tasks() == []
    given_back = task(1)._replace(delivery=1, started_at=NOW)
    assert await store.ready_tasks(await store.ready_keys(CHARGE, limit=9)) == [given_back]
