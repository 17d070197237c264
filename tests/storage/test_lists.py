"""Executions are found by labels, parent and time, at the cost of what is found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from branchline.server.storage import Batch, ExecutionFilter, Store
from tests.storage.examples import ANY, FAILED, NOW, RUNNING, execution

EVERY = ExecutionFilter(statuses=ANY)


async def keys(store: Store, wanted: ExecutionFilter, limit: int = 100) -> list[int]:
    """The keys that a filter lets through, page by page; as many as are counted."""
    found: list[int] = []
    before: int | None = None
    while page := await store.list_executions(wanted, before_key=before, limit=limit):
        assert len(page) <= limit
        found += [row.key for row in page]
        before = page[-1].key
    assert sum((await store.count_executions(wanted)).values()) == len(found)
    return found


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_all_labels_of_a_filter_must_match(store: Store, limit: int) -> None:
    colours = ["red", "green", "blue"]
    rows = [
        execution(key, labels={"colour": colours[key % 3], "half": str(key % 2)})
        for key in range(1, 31)
    ]
    await store.commit(Batch(started=[*rows, execution(31)]))
    blue = replace(EVERY, labels={"colour": "blue"})
    assert await keys(store, blue, limit) == list(range(29, 0, -3))
    assert await keys(store, replace(blue, labels={"half": "1", "colour": "blue"}), limit) == [
        29,
        23,
        17,
        11,
        5,
    ]
    for labels in ({"colour": "1"}, {"blue": "colour"}, {"colour": "blue", "none": ""}):
        assert await keys(store, replace(EVERY, labels=labels), limit) == []


async def test_labels_are_compared_character_by_character(store: Store) -> None:
    values = ["", " ", "A", "a", "ä", "\x01", "a\x01", "a%", "😀" * 200]
    await store.commit(
        Batch(started=[execution(key, labels={"a": value}) for key, value in enumerate(values, 1)])
    )
    for key, value in enumerate(values, 1):
        assert await keys(store, replace(EVERY, labels={"a": value})) == [key]


async def test_children_are_found_by_their_parent(store: Store) -> None:
    await store.commit(
        Batch(
            started=[
                execution(1),
                execution(2, parent="exec_1", labels={"a": "1"}),
                execution(3, parent="exec_1", status=FAILED),
                execution(4, parent="exec_2", labels={"a": "1"}),
            ]
        )
    )
    children = replace(EVERY, parent="exec_1")
    assert await keys(store, children) == [3, 2]
    assert await keys(store, replace(children, statuses=[FAILED])) == [3]
    assert await keys(store, replace(children, labels={"a": "1"})) == [2]
    assert await keys(store, replace(EVERY, parent="exec_3")) == []


async def test_all_conditions_together_must_hold(store: Store) -> None:
    labels = {"a": "1", "b": "2"}
    at = NOW + 10
    rows = [
        execution(10, parent="p", labels=labels),
        execution(11, parent="q", labels=labels)._replace(start_time=at),
        execution(12, parent="p", labels={"a": "1"})._replace(start_time=at),
        execution(13, parent="p", labels=labels, workflow="other")._replace(start_time=at),
        execution(14, parent="p", labels=labels, status=FAILED)._replace(start_time=at),
        execution(15, parent="p", labels=labels)._replace(start_time=at - 1),
        execution(16, parent="p", labels=labels)._replace(start_time=at + 1),
        execution(9, parent="p", labels=labels)._replace(start_time=at),
        execution(20, parent="p", labels=labels)._replace(start_time=at),
    ]
    await store.commit(Batch(started=rows))
    wanted = ExecutionFilter(
        statuses=[RUNNING],
        workflow="order",
        started_after=NOW + 10,
        started_before=NOW + 11,
        first_key=10,
        end_key=20,
        parent="p",
        labels=labels,
    )
    assert await keys(store, wanted) == [10]
    assert await keys(store, replace(wanted, parent=None, labels={"a": "1"})) == [12, 11, 10]
    assert await keys(store, replace(wanted, parent=None, labels={})) == [12, 11, 10]


async def test_labels_go_with_their_execution(store: Store) -> None:
    labels = {"a": "1", "b": "\x01"}
    rows = [execution(key, close_time=NOW, labels=labels) for key in range(1, 301)]
    await store.commit(Batch(started=rows))
    await store.commit(
        Batch(started=[execution(301, close_time=NOW)], deleted=[*range(1, 300), 301])
    )
    for name, value in labels.items():
        assert await keys(store, replace(EVERY, labels={name: value})) == [300]
    # What was left behind would be in the way now.
    await store.commit(Batch(started=[execution(1, labels=labels)]))
    assert await keys(store, replace(EVERY, labels=labels)) == [300, 1]
