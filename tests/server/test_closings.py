"""Who is told of which close: once each, and nothing large is kept for the slow."""

from __future__ import annotations

import asyncio

import pytest

from branchline.server.closings import Closings
from branchline.server.errors import ServiceError
from branchline.server.storage import ExecutionRow

RUNNING, COMPLETED = 1, 4
MEGABYTE = 1024 * 1024


def closed(execution_id: str, outputs: str | None = None) -> ExecutionRow:
    """An execution that has completed."""
    return ExecutionRow(1, execution_id, "flow", 1, COMPLETED, 0, outputs=outputs)


async def test_each_who_waits_is_told_once() -> None:
    closings = Closings()
    with closings.watch() as one, closings.watch() as other:
        one.add(["a", "b"])
        other.add(["b"])
        closings.publish(closed("b"))
        closings.publish(closed("b"))
        for watch in (one, other):
            await asyncio.wait_for(watch.changed(), 20)
            assert watch.take() == ([closed("b")], [], [])
            assert watch.take() == ([], [], [])
        assert (one.untold, other.untold) == (1, 0)
        assert closings.awaited == ["a"]


async def test_nobody_is_kept_who_waits_no_longer() -> None:
    closings = Closings()
    with closings.watch() as watch:
        watch.add(["a", "b"])
        watch.forget(["a"])
        assert closings.awaited == ["b"]
        closings.publish(closed("a"))
        assert watch.take().rows == []
    assert not closings.is_awaited("b")
    assert closings.awaited == []


async def test_what_is_too_large_to_keep_is_left_in_the_database() -> None:
    closings = Closings()
    with closings.watch() as watch:
        watch.add("abcd")
        for each, size in zip("abcd", (3, 2, 1, 9), strict=True):
            closings.publish(closed(each, "x" * (size * MEGABYTE)))
        told = watch.take()
        assert ([row.id for row in told.rows], told.unread) == (["a", "c"], ["b", "d"])
        watch.add("b")
        closings.publish(closed("b", "x" * 2 * MEGABYTE))
        assert [row.id for row in watch.take().rows] == ["b"]


async def test_what_the_database_says_is_told_without_rows() -> None:
    closings = Closings()
    with closings.watch() as watch:
        watch.add(["live", "closed", "gone"])
        closings.publish_found(
            ["live", "closed", "gone", "nobody's"], {"live": RUNNING, "closed": COMPLETED}
        )
        await asyncio.wait_for(watch.changed(), 20)
        assert watch.take() == ([], ["closed"], ["gone"])
        assert closings.awaited == ["live"]


async def test_whoever_waits_is_told_that_the_server_goes_down() -> None:
    closings = Closings()
    with closings.watch() as watch:
        closings.end()
        with pytest.raises(ServiceError, match="going down"):
            await watch.changed()
    with pytest.raises(ServiceError, match="going down"), closings.watch():
        pass
