"""What has closed is found by workflow and time, the oldest first."""

from __future__ import annotations

from branchline.server.storage import Batch, ClosedExecution, Store
from tests.storage.examples import NOW, execution, transition


async def fill(store: Store) -> None:
    """Three workflows, two with closed executions, the later keys closed earlier."""
    await store.commit(
        Batch(
            started=[
                execution(key, workflow=workflow)._replace(close_time=closed)
                for key, (workflow, closed) in enumerate(
                    [("b", 50), ("b", 40), ("a", 30), ("b", None), ("c", None), ("b", 40)]
                )
            ],
            history=[transition(1, 1, 3), transition(1, 4, 9)],
        )
    )


async def test_the_workflows_are_those_with_closed_executions(store: Store) -> None:
    assert await store.closed_workflows() == []
    await fill(store)
    assert await store.closed_workflows() == ["a", "b"]


async def test_closed_ones_come_by_the_time_of_their_end(store: Store) -> None:
    await fill(store)
    found = await store.closed_before("b", NOW, 10)
    assert found == [
        ClosedExecution("exec_1", 1, 40, 4),
        ClosedExecution("exec_5", 5, 40, 0),
        ClosedExecution("exec_0", 0, 50, 0),
    ]
    assert await store.closed_before("b", 50, 10) == found[:2]
    assert await store.closed_before("b", NOW, 1) == found[:1]
    assert await store.closed_before("b", 40, 10) == []
