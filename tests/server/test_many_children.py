"""Many children: more than a turn starts, and than are kept in memory (semantics 11.3)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from branchline.server.runtime import following
from branchline.v1 import execution_pb2
from tests.server.families import family, got
from tests.server.flows import flow, listen, sleep, spawn, work
from tests.server.serving import Served, serving

COMPLETED = execution_pb2.EXECUTION_STATUS_COMPLETED
CANCELED = execution_pb2.EXECUTION_STATUS_CANCELED


@pytest.mark.parametrize("wait", [True, False])
async def test_thousands_of_children_are_all_started(served: Served, *, wait: bool) -> None:
    """They are more than one turn starts, and more than the pages of a list."""
    await served.register(flow(sleep(span=0.001 if wait else 600), name="child", inputs=["n"]))
    step = spawn(items="inputs.all", inputs={"n": "${state.item}"}, wait=wait)
    await served.register(flow(step, inputs=["all"]))
    execution_id = await served.start({"all": [*range(3000)]})
    parent = await served.closed(execution_id)
    assert parent.status == COMPLETED
    children = await family(served, execution_id)
    assert len(children) == 3000
    assert [child.id for child in children] == [result["execution_id"] for result in got(parent)]


async def test_parents_that_share_the_room_of_a_turn_all_get_on(served: Served) -> None:
    await served.register(flow(sleep(), name="child"))
    await served.register(
        flow(spawn(items="inputs.all", wait=False), name="parent", inputs=["all"])
    )
    await served.register(
        flow(
            spawn(items=[1, 2, 3], workflow="parent", inputs={"all": "${inputs.all}"}),
            inputs=["all"],
        )
    )
    execution_id = await served.start({"all": [*range(1500)]})
    assert (await served.closed(execution_id)).status == COMPLETED
    assert len(await family(served)) == 4504


async def test_a_turn_starts_only_so_many(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MOST_STARTS", 10)
    await served.register(flow(work(items=[]), name="child"))
    await served.register(flow(spawn(items=[*range(25)])))
    execution_id = await served.start()
    await served.closed(execution_id)
    turns = Counter(
        event.time.ToMicroseconds()
        for event in await served.events(execution_id)
        if event.HasField("child_started")
    )
    assert list(turns.values()) == [10, 10, 5]


async def test_children_that_end_at_once_make_room_for_the_next(served: Served) -> None:
    """One after the other, and more than a turn starts."""
    await served.register(flow(work(items=[]), name="child"))
    await served.register(flow(spawn(items="inputs.all", most=1), inputs=["all"]))
    parent = await served.closed(await served.start({"all": [*range(1500)]}))
    assert parent.status == COMPLETED
    assert {result["status"] for result in got(parent)} == {"COMPLETED"}
    assert len(got(parent)) == 1500


async def test_a_cancellation_reaches_all_children_and_theirs(served: Served) -> None:
    await served.register(flow(listen(), name="grandchild"))
    await served.register(flow(spawn(workflow="grandchild"), name="child"))
    await served.register(flow(spawn(items="inputs.all"), inputs=["all"]))
    execution_id = await served.start({"all": [*range(150)]})
    await served.cancel(execution_id)
    found = await family(served)
    assert len(found) == 301
    assert {execution.status for execution in found} == {CANCELED}
    last = [event.execution_canceled.reason for event in await served.events(found[-1].id)][-1]
    assert "no longer waits" in last


async def test_a_cancellation_reaches_children_that_are_not_in_memory(path: Path) -> None:
    async with serving(path, cached_dormant=2, cached_running=0) as served:
        await served.register(flow(listen(), name="child"))
        await served.register(flow(spawn(items=[*range(300)])))
        execution_id = await served.start()
        await served.cancel(execution_id)
        assert {execution.status for execution in await family(served)} == {CANCELED}
