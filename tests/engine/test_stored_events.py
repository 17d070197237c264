"""Events are stored as arrays, so the order of their fields is part of every database."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from branchline.engine.events import (
    AnyEvent,
    ExecutionStarted,
    SignalAwaited,
    StepStarted,
    TaskScheduled,
)
from branchline.engine.values import encode

ORDER = {
    "execution_started": "workflow version inputs state deadline labels parent child depth",
    "execution_completed": "outputs",
    "execution_failed": "error",
    "execution_canceled": "reason",
    "execution_retried": "deadline",
    "branch_resumed": "branch",
    "branch_started": "branch parent name",
    "branch_completed": "branch",
    "branch_failed": "branch error at_edges entering",
    "branch_canceled": "branch entering",
    "step_started": "branch step",
    "step_completed": "branch store",
    "step_failed": "branch error caught_by store",
    "items_listed": "branch items",
    "items_postponed": "branch",
    "items_resumed": "branch",
    "task_scheduled": (
        "task branch activity queue parameters item attempt deliveries"
        " timeout heartbeat_timeout schedule_timeout"
    ),
    "task_completed": "task result set remove progress",
    "task_failed": "task error progress",
    "task_waiting": "task key topic until deliveries progress",
    "value_recorded": "task key value",
    "tasks_withdrawn": "tasks progress",
    "retry_scheduled": "branch attempt policy due item",
    "signal_received": "signal topic payload signal_id",
    "signal_awaited": "branch topic until",
    "signal_consumed": "branch signal item",
    "wait_timed_out": "branch item",
    "sleep_started": "branch until",
    "child_requested": "child branch workflow inputs item attempt version wait timeout",
    "child_started": "child execution until",
    "child_completed": "child result",
    "child_failed": "child error",
    "child_timed_out": "child execution",
    "children_stopped": "children executions",
    "follow_up_requested": "child workflow inputs",
    "follow_up_started": "child execution",
    "follow_up_failed": "workflow error child",
    "pause_requested": "branch reason",
    "branch_paused": "branch reason next step",
    "branch_unpaused": "branch",
    "join_reached": "branch",
    "join_passed": "branch taken left_out merges",
}
"""What must stay: new fields come behind these, and have defaults."""

_decode = msgspec.json.Decoder(AnyEvent).decode


def test_fields_keep_their_places() -> None:
    """Otherwise histories would be read wrongly that an earlier version has written."""
    found = {
        kind.__struct_config__.tag: list(kind.__struct_fields__) for kind in get_args(AnyEvent)
    }
    begin = {name: found[name][: len(order.split())] for name, order in ORDER.items()}
    assert begin == {name: order.split() for name, order in ORDER.items()}
    assert found.keys() == ORDER.keys(), "a new event belongs here, too"


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            ExecutionStarted("wait", 1, {"n": encode(1)}),
            b'["execution_started","wait",1,{"n":1},{},null,{},"",0,0]',
        ),
        (StepStarted("main", "pack"), b'["step_started","main","pack"]'),
        (SignalAwaited("main", "go", 1_800), b'["signal_awaited","main","go",1800]'),
    ],
)
def test_an_event_is_an_array_of_its_name_and_fields(event: AnyEvent, text: bytes) -> None:
    assert msgspec.json.encode(event) == text
    assert _decode(text) == event


def test_fields_that_an_earlier_version_did_not_have_are_at_their_defaults() -> None:
    event = _decode(b'["task_scheduled",1,"main","add","default",{"n":1}]')
    assert event == TaskScheduled(1, "main", "add", "default", encode({"n": 1}))


def test_fields_that_only_a_later_version_has_are_passed_over() -> None:
    assert _decode(b'["step_started","main","pack","later"]') == StepStarted("main", "pack")
