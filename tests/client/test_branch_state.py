"""An activity reads its branch's variables and the inputs (semantics 7.9)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from branchline.client import BranchState, LeaseLost, Overloaded, activity
from branchline.v1 import task_service_pb2 as pb
from tests.client.scripted import SILENCE, UNAVAILABLE, Answer, Refusal, ScriptedServer, Silence
from tests.client.working import result, task, welcomed, working


@activity
async def look() -> list[object]:
    branch = await activity.context().branch_state()
    return [branch.state, branch.inputs]


@activity
def look_in_thread() -> list[object]:
    branch = activity.context().branch_state_blocking()
    return [branch.state, branch.inputs]


BOTH = pytest.mark.parametrize("function", [look, look_in_thread])
STATE = pb.GetBranchStateResponse(state_json='{"jars":12345678901234567890}', inputs_json='{"a":1}')


async def looked(function: Callable[..., Any], *answers: Answer) -> tuple[str, list[Any]]:
    """The result of an activity that asks, or its error, and what the server was asked."""
    async with ScriptedServer() as server, working(server, function):
        server.script("GetBranchState", *answers)
        stream = await welcomed(server)
        stream.send(tasks=[task("t", activity.name_of(function) or "", "{}")])
        [outcome] = await stream.receive_outcomes(1)
        failed = outcome.WhichOneof("outcome") == "failed"
        told = outcome.failed.message if failed else result(outcome)
        return told, server.received["GetBranchState"]


@BOTH
async def test_an_activity_asks_for_its_branch(function: Callable[..., Any]) -> None:
    told, asked = await looked(function, STATE)
    assert told == '[{"jars":12345678901234567890},{"a":1}]'
    assert asked == [pb.GetBranchStateRequest(token="t")]


async def test_an_empty_branch_has_no_variables() -> None:
    assert (await looked(look, pb.GetBranchStateResponse()))[0] == "[{},{}]"


@BOTH
async def test_a_question_is_repeated_while_the_server_is_away(
    function: Callable[..., Any],
) -> None:
    told, asked = await looked(function, UNAVAILABLE, UNAVAILABLE, STATE)
    assert told.startswith("[")
    assert len(asked) == 3


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (Refusal(grpc.StatusCode.FAILED_PRECONDITION, "LEASE_LOST"), LeaseLost),
        (Refusal(grpc.StatusCode.UNIMPLEMENTED), Exception),
    ],
)
async def test_a_refusal_is_an_error_of_its_own(
    refusal: Refusal,
    kind: type[Exception],
    blocking: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    seen: list[Exception] = []

    @activity
    async def ask() -> None:
        context = activity.context()
        try:
            if blocking:
                await asyncio.to_thread(context.branch_state_blocking)
            else:
                await context.branch_state()
        except Exception as error:  # noqa: BLE001 - it is looked at
            seen.append(error)

    await looked(ask, refusal)
    [error] = seen
    assert isinstance(error, kind)
    assert not isinstance(error, Overloaded)


async def test_a_stopped_thread_waits_for_no_answer() -> None:
    asked, stopped = asyncio.Event(), threading.Event()

    def never(_: object) -> Silence:
        asked.set()
        return SILENCE

    @activity
    def patient() -> None:
        try:
            activity.context().branch_state_blocking()
        except asyncio.CancelledError:
            stopped.set()

    async with ScriptedServer() as server, working(server, patient):
        server.script("GetBranchState", never)
        stream = await welcomed(server)
        stream.send(tasks=[task("t", "patient", "{}")])
        await asked.wait()
        stream.send(cancel=["t"])
        assert await asyncio.to_thread(stopped.wait, 30)


async def test_the_loop_is_not_blocked() -> None:
    @activity
    async def wrong() -> BranchState:
        return activity.context().branch_state_blocking()

    told, asked = await looked(wrong, STATE)
    assert "would block the worker's loop" in told
    assert asked == []
