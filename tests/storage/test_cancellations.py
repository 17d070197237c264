"""Executions that are still to be cancelled."""

from __future__ import annotations

from branchline.server.storage import Batch, Cancellation, Store


async def test_they_stay_until_they_are_removed(store: Store) -> None:
    assert await store.cancellations("", 10) == []
    rows = [Cancellation(f"exec_{number:03}", f"why {number}") for number in range(300)]
    await store.commit(Batch(cancellations_added=rows[::-1]))
    assert await store.cancellations("", 1_000) == rows
    assert await store.cancellations("", 2) == rows[:2]
    assert await store.cancellations("exec_001", 2) == rows[2:4]
    gone = [row.execution_id for row in rows[:299]]
    await store.commit(Batch(cancellations_removed=gone[::-1]))
    assert await store.cancellations("", 10) == rows[299:]


async def test_one_that_is_wanted_twice_is_there_once(store: Store) -> None:
    await store.commit(Batch(cancellations_added=[Cancellation("a", "x"), Cancellation("a", "y")]))
    await store.commit(Batch(cancellations_added=[Cancellation("a", "z")]))
    assert await store.cancellations("", 10) == [Cancellation("a", "z")]


async def test_one_that_is_not_there_may_be_removed(store: Store) -> None:
    await store.commit(Batch(cancellations_removed=["nobody"]))
    assert await store.cancellations("", 10) == []
