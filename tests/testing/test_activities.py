"""The SDK's own activities run as a worker runs them."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from branchline.client import WaitTimedOut, activity
from branchline.testing import Rehearsal, crash
from tests.testing.flows import flow, rehearse, work


@activity
async def bake(kind: str) -> dict[str, Any]:
    context = activity.context()
    context.progress("kneading")
    dough = await context.record("dough", lambda: f"{kind} dough")
    heat = context.wait("heat", timeout=3600)
    await asyncio.sleep(1200)
    state = await context.branch_state()
    context.set("baked", state.state["baked"] + 1)
    return {"dough": dough, "heat": heat, "key": context.idempotency_key}


@activity(name="bake.by_hand")
def bake_by_hand(kind: str) -> dict[str, Any]:
    context = activity.context()
    dough = context.record_blocking("dough", lambda: f"{kind} dough")
    heat = context.wait("heat", timeout=3600)
    baked = context.branch_state_blocking().state["baked"]
    context.set("baked", baked + 1)
    return {"dough": dough, "heat": heat, "thread": threading.current_thread().name}


def test_an_async_activity_has_its_whole_context() -> None:
    """Progress, records, waits, the branch's state, variables, and time that is the rehearsal's."""
    rehearsal = Rehearsal(
        flow(
            work("bake", parameters={"kind": "rye"}),
            state={"baked": 4},
            outputs=[{"name": "bake"}, {"name": "baked"}],
        ),
        activities=[bake],
    )
    run = rehearsal.start("bakery")
    assert run.status == "SUSPENDED"
    run.signal("heat", 220)
    rehearsal.run()
    outputs = run.expect_completed()
    [attempt] = run.attempts("bake")
    key = attempt.idempotency_key
    assert outputs["bake"] == {"dough": "rye dough", "heat": 220, "key": key}
    assert outputs["baked"] == 5
    assert run.elapsed == timedelta(minutes=20)
    assert attempt.parameters == {"kind": "rye"}


def test_a_plain_activity_runs_in_a_thread_and_may_block() -> None:
    step = {
        "name": "bake",
        "activity": "bake.by_hand",
        "parameters": {"kind": "rye"},
        "store": "bake",
    }
    rehearsal = Rehearsal(
        flow(step, state={"baked": 4}, outputs=[{"name": "bake"}, {"name": "baked"}]),
        activities=[bake_by_hand],
    )
    run = rehearsal.start("bakery")
    run.signal("heat", 220)
    outputs = run.expect_completed()
    assert outputs["baked"] == 5
    assert outputs["bake"]["dough"] == "rye dough"
    assert "branchline-activity" in outputs["bake"]["thread"]


def test_threads_do_not_disturb_the_order() -> None:
    """What begins after a thread's work waits for it, however long it takes."""

    @activity(name="work")
    def in_thread(n: int) -> int:
        time.sleep(0.01)
        return n

    async def on_loop(n: int) -> int:
        return n

    rehearsal = Rehearsal(
        flow(work(each={"items": list(range(6)), "as": "n"}, parameters={"n": "${state.n}"})),
        activities={"work": [in_thread, on_loop, on_loop, in_thread, on_loop, in_thread]},
    )
    run = rehearsal.start("bakery")
    run.expect_completed()
    ended = [event.data["result"] for event in run.history if event.type == "task_completed"]
    assert ended == [0, 1, 2, 3, 4, 5]


def test_a_wait_that_runs_out_raises_in_the_activity() -> None:
    @activity
    async def ask() -> str:
        try:
            return str(activity.context().wait("answer", timeout=7200))
        except WaitTimedOut:
            return "nobody answers"

    rehearsal, run = rehearse(work("ask"), outputs=[{"name": "ask"}], activities=[ask])
    rehearsal.run()
    assert run.expect_completed() == {"ask": "nobody answers"}
    assert run.elapsed == timedelta(hours=2)


def test_the_idempotency_key_names_the_effect() -> None:
    """It is the same for each attempt, another for each item and execution."""
    rehearsal = Rehearsal(
        flow(work(each={"items": [1, 2]}, retry=[{"max_retries": 1}])),
        activities={"work": lambda: 1 / 0},
    )
    rehearsal.start("bakery")
    rehearsal.start("bakery")
    rehearsal.run()
    keys: dict[tuple[str, int | None], set[str]] = {}
    for attempt in rehearsal.attempts("work"):
        keys.setdefault((attempt.execution, attempt.item), set()).add(attempt.idempotency_key)
    assert len(rehearsal.attempts("work")) > 4
    assert all(len(found) == 1 for found in keys.values())
    assert len(set.union(*keys.values())) == 4


def test_a_cancelled_execution_stops_its_activity() -> None:
    """It is cancelled as any asyncio task is, and cleans up."""
    seen: list[str] = []

    async def patient() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            seen.append("cleaned up")

    _, run = rehearse(work(), activities={"work": patient})
    run.cancel()
    assert run.status == "CANCELED"
    assert seen == ["cleaned up"]


def test_a_function_can_crash_its_worker() -> None:
    async def careless() -> int:
        if activity.context().task.delivery < 3:
            await crash()
        return activity.context().task.delivery

    rehearsal, run = rehearse(work(), outputs=[{"name": "work"}], activities={"work": careless})
    rehearsal.run()
    assert run.expect_completed() == {"work": 3}


async def test_only_activities_of_a_rehearsal_can_crash() -> None:
    with pytest.raises(RuntimeError, match="no activity"):
        await crash()


def test_an_activity_may_act_on_the_executions_around_it() -> None:
    """A signal that it sends has its consequences within the same moment."""

    def ring() -> None:
        rehearsal.execution("listener").signal("bell", "ding")

    listen = {"name": "listen", "wait_signal": {"topic": "bell", "timeout": "1h", "store": "bell"}}
    rehearsal = Rehearsal(
        flow(listen, name="listener", outputs=[{"name": "bell"}]),
        flow(work()),
        activities={"work": ring},
    )
    listener = rehearsal.start("listener", id="listener")
    rehearsal.start("bakery").expect_completed()
    assert listener.expect_completed() == {"bell": "ding"}


def test_an_activity_cannot_let_time_pass_for_all() -> None:
    def hurry() -> None:
        rehearsal.advance(1)

    rehearsal = Rehearsal(flow(work()), activities={"work": hurry})
    run = rehearsal.start("bakery")
    assert "asyncio.sleep" in run.expect_failed("activity_failed").message


def test_a_thread_that_hangs_is_not_waited_for_for_ever() -> None:
    """Time goes on without it, so that its time limit ends it."""

    @activity(name="work")
    def stuck() -> None:
        activity.context().cancelled.wait()

    rehearsal = Rehearsal(flow(work(timeout="1h")), activities=[stuck], patience=0.1)
    began = time.perf_counter()
    run = rehearsal.start("bakery")
    for _ in range(100):
        rehearsal.advance(1)
    assert time.perf_counter() - began < 5  # it is waited for once
    rehearsal.run()
    run.expect_failed("timeout")
    assert run.elapsed == timedelta(hours=1)


def test_an_error_of_an_activity_is_logged_as_by_a_worker(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, logger="branchline.worker"):
        rehearse(work(), activities={"work": lambda: 1 / 0})
    assert "activity work failed in attempt 1" in caplog.text
