"""Workflows get versions, and the same content is the same version."""

from __future__ import annotations

import asyncio

from branchline.server.storage import Store, WorkflowRow


async def test_new_content_is_a_new_version(store: Store) -> None:
    assert await store.add_workflow("order", "hash-a", '{"v":"a"}', 5) == (1, True)
    assert await store.add_workflow("order", "hash-a", '{"v":"a"}', 6) == (1, False)
    assert await store.add_workflow("order", "hash-b", '{"v":"b"}', 7) == (2, True)
    assert await store.workflow("order", 1) == WorkflowRow("order", 1, "hash-a", '{"v":"a"}', 5)
    assert await store.workflow("order") == WorkflowRow("order", 2, "hash-b", '{"v":"b"}', 7)


async def test_a_return_to_earlier_content_is_a_version_of_its_own(store: Store) -> None:
    """A, B, A are three versions: a rollback is a registration (semantics 2.7)."""
    versions = [await store.add_workflow("order", name, "{}") for name in "aba"]
    assert versions == [(1, True), (2, True), (3, True)]


async def test_registrations_at_the_same_time_make_one_version(store: Store) -> None:
    answers = await asyncio.gather(*(store.add_workflow("order", "a", "{}") for _ in range(10)))
    assert sorted(answers) == [(1, False)] * 9 + [(1, True)]


async def test_an_unknown_workflow_or_version_is_none(store: Store) -> None:
    await store.add_workflow("order", "a", "{}")
    assert await store.workflow("other") is None
    assert await store.workflow("order", 2) is None


async def test_the_latest_versions_are_listed_by_name(store: Store) -> None:
    for name in ("c", "a", "b"):
        for version in range(2):
            await store.add_workflow(name, f"{version}", "{}")
    names = [(row.name, row.version) for row in await store.workflows("", 10)]
    assert names == [("a", 2), ("b", 2), ("c", 2)]
    assert [row.name for row in await store.workflows("", 2)] == ["a", "b"]
    assert [row.name for row in await store.workflows("b", 2)] == ["c"]
