"""A failure that comes again and again is not logged again and again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog
from structlog.testing import capture_logs

from branchline.server.recurring import Recurring
from tests.server.clocks import HandClock
from tests.server.door import Door
from tests.server.flows import flow, listen
from tests.server.refusals import refused
from tests.server.serving import serving


def test_it_logs_the_first_failure_then_sums_up_then_tells_of_the_end() -> None:
    clock = HandClock()
    with capture_logs() as logs:
        commit = Recurring(structlog.get_logger(), "commit", clock.monotonic)
        commit.succeeded()
        for _ in range(101):
            commit.failed("the disk is full", executions=3)
            clock.move(0.25)
        commit.succeeded()
        commit.succeeded()
        commit.failed("again", executions=1)
    assert [(log["event"], log.get("failures"), log.get("seconds")) for log in logs] == [
        ("commit failed", None, None),
        ("commit still fails", 41, 10.0),
        ("commit still fails", 81, 20.0),
        ("commit works again", 101, 25.2),
        ("commit failed", None, None),
    ]
    assert [log["log_level"] for log in logs] == ["warning"] * 3 + ["info", "warning"]
    assert logs[1]["error"] == "the disk is full"


async def test_a_server_whose_disk_is_full_logs_so_once_and_then_its_recovery(
    path: Path, door: Callable[[str], Door]
) -> None:
    commits = door("commit")
    async with serving(path) as served:
        await served.register(flow(listen()))
        with capture_logs() as logs:
            commits.fail(30)
            for _ in range(30):
                await refused(served.start())
            await served.start()
    told = [log["event"] for log in logs if log["event"].startswith("commit")]
    assert told == ["commit failed", "commit works again"]


async def test_a_server_that_cannot_read_logs_so_once_and_then_its_recovery(
    path: Path, door: Callable[[str], Door]
) -> None:
    reads = door("executions_by_id")
    async with serving(path) as served:
        await served.register(flow(listen()))
        with capture_logs() as logs:
            reads.fail(5)
            for _ in range(5):
                await refused(served.signal("nobody"))
            await refused(served.signal("nobody"))
    told = [log["event"] for log in logs if log["event"].startswith("loading")]
    assert told == ["loading failed", "loading works again"]
