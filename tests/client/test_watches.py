"""Watching many executions: order, positions, and what happens when the connection breaks."""

from __future__ import annotations

from datetime import UTC, datetime

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from branchline.client import (
    Client,
    ExecutionStatus,
    PositionOutOfRange,
    StatusChange,
    StatusWatch,
    Unavailable,
)
from branchline.v1 import execution_pb2
from branchline.v1 import execution_service_pb2 as pb
from tests.client.scripted import UNAVAILABLE, Refusal, ScriptedServer

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
STAMP = Timestamp()
STAMP.FromDatetime(MOMENT)
GONE = Refusal(grpc.StatusCode.OUT_OF_RANGE, "POSITION_OUT_OF_RANGE", "no longer kept")


def answer(*ids: str, position: int = 0, present: bool = False) -> pb.WatchExecutionsResponse:
    """Says that these executions run."""
    changes = [
        pb.StatusChange(
            execution_id=each,
            workflow="order",
            version=2,
            status=execution_pb2.EXECUTION_STATUS_RUNNING,
            time=None if present else STAMP,
        )
        for each in ids
    ]
    return pb.WatchExecutionsResponse(changes=changes, position=position)


async def told(watch: StatusWatch, number: int) -> list[str]:
    """The ids of the next so many changes."""
    found: list[str] = []
    async for change in watch:
        found.append(change.execution_id)
        if len(found) == number:
            break
    return found


def positions(server: ScriptedServer) -> list[int]:
    """What the server was asked to go on from."""
    return [request.after_position for request in server.received["WatchExecutions"]]


async def test_statuses_and_changes_are_told_in_full() -> None:
    change = answer("e", position=3)
    change.changes[0].labels["colour"] = "red"
    change.changes[0].parent = "boss"
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("WatchExecutions", [answer("old", present=True), change])
        watch = client.watch_executions()
        stream = aiter(watch)
        running = ExecutionStatus.RUNNING
        assert await anext(stream) == StatusChange(
            execution_id="old", workflow="order", version=2, status=running
        )
        assert watch.position == 0
        assert await anext(stream) == StatusChange(
            execution_id="e",
            workflow="order",
            version=2,
            status=running,
            time=MOMENT,
            labels={"colour": "red"},
            parent="boss",
        )
        assert watch.position == 3


async def test_the_filter_and_the_position_are_asked_for() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("WatchExecutions", [answer("e", position=8)])
        watch = client.watch_executions(
            "order",
            [ExecutionStatus.FAILED],
            labels={"colour": "red"},
            parent="boss",
            started_after=MOMENT,
            after=7,
        )
        await told(watch, 1)
        assert server.received["WatchExecutions"] == [
            pb.WatchExecutionsRequest(
                filter=pb.ExecutionFilter(
                    workflow="order",
                    statuses=[execution_pb2.EXECUTION_STATUS_FAILED],
                    labels={"colour": "red"},
                    parent="boss",
                    started_after=STAMP,
                ),
                after_position=7,
            )
        ]


async def test_a_broken_watch_goes_on_from_its_position() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script(
            "WatchExecutions",
            [answer("a", present=True), answer(position=4), answer("b", position=5), UNAVAILABLE],
            [UNAVAILABLE],
            [answer("c", "d", position=6), answer(position=9), UNAVAILABLE],
            [answer("e", position=10)],
        )
        assert await told(client.watch_executions(), 5) == ["a", "b", "c", "d", "e"]
        assert positions(server) == [0, 5, 5, 9]


async def test_present_statuses_begin_anew_when_they_were_cut_off() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script(
            "WatchExecutions",
            [answer("b", present=True), UNAVAILABLE],
            [answer("b", "a", present=True), answer(position=4)],
        )
        assert await told(client.watch_executions(), 3) == ["b", "b", "a"]
        assert positions(server) == [0, 0]


async def test_changes_that_were_stored_together_are_told_once_when_cut_in_between() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script(
            "WatchExecutions",
            [answer("a", "b", position=4), UNAVAILABLE],
            [answer("a", "b", position=4), answer("c", position=5)],
        )
        watch = client.watch_executions(after=4)
        assert await told(watch, 3) == ["a", "b", "c"]
        assert positions(server) == [4, 4]


async def test_the_position_does_not_run_ahead_of_what_was_given() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("WatchExecutions", [answer("a", "b", position=5)])
        watch = client.watch_executions(after=4)
        assert await told(watch, 1) == ["a"]
        assert watch.position == 4
        assert await told(watch, 2) == ["a", "b"]
        assert watch.position == 5


async def test_a_position_that_is_no_longer_kept_is_raised() -> None:
    async with ScriptedServer() as server, Client(server.address) as client:
        server.script("WatchExecutions", [answer("a", position=5), UNAVAILABLE], [GONE])
        watch = client.watch_executions(after=4)
        with pytest.raises(PositionOutOfRange, match="no longer kept"):
            await told(watch, 2)
        assert positions(server) == [4, 5]


async def test_a_server_that_stays_away_is_raised() -> None:
    async with ScriptedServer() as server, Client(server.address, timeout=0.2) as client:
        server.script("WatchExecutions", [UNAVAILABLE])
        with pytest.raises(Unavailable):
            await told(client.watch_executions(), 1)
