"""What a test reads of an execution is what a client would be told."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from branchline.client import _convert
from branchline.server.rpc.events import event_message
from branchline.testing import (
    Rehearsal,
    Run,
    crashes,
    does,
    fails,
    hangs,
    progress,
    records,
    returns,
    takes,
    waits,
)
from tests.testing.flows import flow, rehearse, work

LISTEN = {"name": "listen", "wait_signal": {"topic": "bell", "timeout": "1h"}}


def eventful() -> Run:
    """An execution to which very much happens."""
    steps = [
        work("first", retry=[{}], timeout="10m", heartbeat_timeout="5m"),
        work("second", each={"items": [{"a": 1}, None]}),
        {"name": "nap", "sleep": {"duration": "90s"}},
        {"name": "oven", "child": {"workflow": "oven"}},
        LISTEN,
    ]
    rehearsal = Rehearsal(
        flow(*steps, state={"x": [1, None]}, follow_ups=[{"workflow": "oven"}], timeout="24h"),
        flow({"name": "nap", "sleep": {"duration": "1m"}}, name="oven"),
        activities={
            "first": [
                does(progress("half", [1]), records("k", {"v": 1}), fails("busy", "so busy", [1])),
                does(waits("go", 60), returns({"n": 1})),
            ],
            "second": takes(1),
        },
    )
    run = rehearsal.start("bakery")
    rehearsal.run_until(lambda: run.status == "SUSPENDED")
    run.pause(reason="for now")
    run.unpause()
    run.signal("go", {"speed": 3})
    rehearsal.run_until(lambda: "listen" in run.visits())
    run.signal("bell")
    run.expect_completed()
    return run


def test_events_are_those_that_a_client_is_told() -> None:
    """Each field that the API has is there, by its name and with the same value.

    An empty object, list or text may be left out there.
    """
    run = eventful()
    mine = run.history
    raw = run._world.find(run.id).history  # noqa: SLF001 - what the other way begins with
    theirs = [
        _convert.event(event_message(number, time, event))
        for number, (time, event) in enumerate(raw, 1)
    ]
    assert len({event.type for event in mine}) > 20
    assert [(one.sequence, one.time, one.type) for one in mine] == [
        (one.sequence, one.time, one.type) for one in theirs
    ]
    for my, their in zip(mine, theirs, strict=True):
        if my.type == "branch_paused":
            continue  # its next move is a number in the API
        assert {name: my.data[name] or None for name in their.data} == {
            name: value or None for name, value in their.data.items()
        }


def test_a_restart_reads_everything_again() -> None:
    """In the middle of all, and it goes on as if nothing had happened."""
    rehearsal, run = rehearse(
        work(each={"items": [1, 2]}, retry=[{"base_delay": "1h"}]),
        LISTEN,
        activities={"work": [fails("busy"), takes(5), returns()]},
    )
    for _ in range(3):
        rehearsal.restart()
        rehearsal.advance(1800)
    run.signal("bell")
    run.expect_completed()


def test_a_history_that_is_not_the_state_is_noticed() -> None:
    rehearsal, run = rehearse(work(), activities={})
    run._world.find(run.id).history.pop()  # noqa: SLF001 - damaged on purpose
    with pytest.raises(AssertionError, match="does not give its state"):
        rehearsal.restart()


def test_a_fault_behind_an_activity_is_not_hidden() -> None:
    """It ends the test, where a worker's loop would only log it."""

    def forget_everything() -> None:
        rehearsal._world.hosted.clear()  # noqa: SLF001 - damaged on purpose

    rehearsal = Rehearsal(flow(work()), activities={"work": forget_everything})
    with pytest.raises(KeyError, match="exec_"):
        rehearsal.start("bakery")


def test_visits_and_branches_are_told() -> None:
    fork = work(
        "fork",
        next=[{"step": "left", "branch": "l"}, {"step": "right", "branch": "r"}],
    )
    rehearsal = Rehearsal(
        {
            "name": "bakery",
            "steps": [fork, work("left"), work("right", catch=[_to_end]), work("end")],
        },
        activities={
            "fork": returns(),
            "left": hangs(),
            "right": fails("burnt"),
            "end": returns(),
        },
    )
    run = rehearsal.start("bakery")
    assert run.branches == {"main": "COMPLETED", "l": "RUNNING", "r": "COMPLETED"}
    assert (run.visits(), run.visits("r")) == (["fork"], ["right", "end"])
    assert run.variables("l") == {"fork": None}
    assert run.variables("nobody") == {}
    [burnt] = [visit for visit in run.step_visits if visit.step == "right"]
    assert (burnt.status, burnt.error and burnt.error.type) == ("FAILED", "burnt")


_to_end = {"error_equals": ["all"], "next": "end"}


@pytest.mark.parametrize(
    ("activities", "told"),
    [
        ({}, ["RUNNING", "no worker offers the activity work on the task queue default"]),
        ({"work": fails("busy", "too busy")}, ["FAILED", "error: busy: too busy", "main: work"]),
        ({"work": hangs()}, ["RUNNING", "work is at work since 2026-01-01", "attempt 1"]),
        ({"work": crashes()}, ["the worker of work, attempt 1 of step work, has crashed"]),
        (
            {"work": returns()},
            ["SUSPENDED", "branch main in step listen waits for a signal on bell"],
        ),
    ],
    ids=["nobody", "failed", "hangs", "crashed", "suspended"],
)
def test_the_assertion_tells_why_it_has_not_completed(
    activities: dict[str, Any], told: list[str]
) -> None:
    _, run = rehearse(work(), LISTEN, activities=activities)
    with pytest.raises(AssertionError) as failed:
        run.expect_completed()
    assert "not COMPLETED" in str(failed.value)
    assert all(text in str(failed.value) for text in told), str(failed.value)


def test_another_error_than_the_expected_one_fails_the_test() -> None:
    _, run = rehearse(work(), activities={"work": fails("busy")})
    with pytest.raises(AssertionError, match="not FAILED with late"):
        run.expect_failed("late")


def test_a_pause_and_a_sleep_are_told() -> None:
    _, run = rehearse({"name": "nap", "sleep": {"duration": "1h"}}, activities={})
    with pytest.raises(AssertionError, match="sleeps until 2026-01-01 01:00"):
        run.expect_completed()
    run.pause(reason="lunch")
    with pytest.raises(AssertionError, match="is paused: lunch"):
        run.expect_completed()


async def test_async_code_is_told_that_it_cannot_rehearse() -> None:
    with pytest.raises(RuntimeError, match="plain test function"):
        Rehearsal()


def test_a_rehearsal_cleans_up() -> None:
    """Closed or dropped: activities at work are cancelled, and nothing is left to warn of."""
    ended: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("end")

    with Rehearsal(flow(work()), activities={"work": hang}) as rehearsal:
        run = rehearsal.start("bakery")
    assert ended == ["end"]
    assert run.status == "RUNNING"
    rehearsal.close()
    dropped, _ = rehearse(work(), activities={"work": hang})
    del dropped, _
    gc.collect()
    assert ended == ["end", "end"]
