"""Values and events as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from branchline.client.cli.sentences import _SENTENCES, event_sentence, progress_sentence
from branchline.client.cli.storyteller import Storyteller
from branchline.client.cli.texts import duration, json_text, local_time, one_line
from branchline.client.types import Event, Progress
from branchline.v1 import event_pb2

NOW = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (0.0004, "0ms"),
        (0.25, "250ms"),
        (3.21, "3.2s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (125, "2m05s"),
        (3600 * 5 + 60 * 7, "5h07m"),
        (86400 * 3 + 3600, "3d01h"),
    ],
)
def test_durations_are_told_in_their_largest_units(length: float, text: str) -> None:
    assert duration(timedelta(seconds=length)) == text


def test_times_are_local() -> None:
    assert local_time(NOW) == NOW.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    assert local_time(None) == ""


def test_nothing_commands_the_terminal() -> None:
    assert one_line("a\n\x1b[31mb\u202e") == "a\\n\\x1b[31mb\\u202e"
    assert one_line("größer 好") == "größer 好"


def test_a_long_value_is_cut() -> None:
    text = json_text("x" * 10_000)
    assert len(text) < 2_100
    assert "10002 characters" in text


def test_every_event_of_the_api_has_a_sentence() -> None:
    fields = event_pb2.Event.DESCRIPTOR.oneofs_by_name["event"].fields
    assert {field.name for field in fields} == set(_SENTENCES)


def test_an_unknown_event_is_told_by_its_data() -> None:
    assert event_sentence(Event(1, NOW, "moon_rose", {"full": True})) == 'moon_rose {"full":true}'


def test_waits_and_values_of_activities_are_told() -> None:
    wait = {"task": 7, "key": "1", "topic": "answer", "until": NOW}
    value = {"task": 7, "key": "ticket", "value": {"n": 1}}
    assert event_sentence(Event(1, NOW, "task_waiting", wait)) == (
        f"task 7 waits for signal answer until {local_time(NOW)}"
    )
    assert event_sentence(Event(1, NOW, "value_recorded", value)) == (
        'task 7 recorded ticket: {"n":1}'
    )


def test_a_storyteller_names_what_others_call_by_number() -> None:
    """A failed task is told with branch, step, item and activity, a child with its workflow."""
    tell = Storyteller().tell
    attempt = {"branch": "van", "item": 3, "attempt": 2}
    task = {"task": 7, "activity": "charge", "task_queue": "default", **attempt}
    child = {"child": 2, "workflow": "pack", "version": 0, "wait": True, **attempt}
    error = {"type": "broken", "message": "it broke", "details": None}
    tell(Event(1, NOW, "step_started", {"branch": "van", "step": "pay"}))
    tell(Event(2, NOW, "task_scheduled", task))
    tell(Event(3, NOW, "child_requested", child))
    tell(Event(4, NOW, "follow_up_requested", {"child": 3, "workflow": "ask"}))
    started = {"child": 3, "execution_id": "e"}
    assert [
        tell(Event(5, NOW, "task_failed", {"task": 7, "error": error})),
        tell(Event(6, NOW, "child_failed", {"child": 2, "error": error})),
        tell(Event(7, NOW, "follow_up_started", started)),
        tell(Event(8, NOW, "task_failed", {"task": 99, "error": error})),
    ] == [
        "[van] pay, item 3: charge (attempt 2) failed: broken: it broke",
        "[van] pay, item 3: child pack (attempt 2) failed: broken: it broke",
        "follow-up ask started as e",
        "task 99 failed: broken: it broke",
    ]


def test_children_are_told() -> None:
    requested = {"child": 2, "branch": "main", "item": None, "attempt": 1, "workflow": "pack"}
    stopped = {"children": [2, 3], "execution_ids": ["e"]}
    failed = {"workflow": "ask", "child": 0, "error": {"type": "t", "message": "m"}}
    told = [
        ("child_requested", {**requested, "version": 3, "wait": False}),
        ("child_timed_out", {"child": 2, "execution_id": "e"}),
        ("children_stopped", stopped),
        ("follow_up_failed", failed),
    ]
    assert [event_sentence(Event(1, NOW, kind, data)) for kind, data in told] == [
        "[main] child 2: pack version 3, left to itself",
        "child 2 took too long, e is cancelled",
        "children are cancelled: e",
        "follow-up ask failed: t: m",
    ]


def test_a_sentence_is_one_line() -> None:
    error = {"type": "broken", "message": "line\n" * 1000, "details": None}
    sentence = event_sentence(Event(1, NOW, "task_failed", {"task": 7, "error": error}))
    assert re.fullmatch(r"task 7 failed: broken: line\\nline.{,200}\.\.\.", sentence)


def test_progress_without_message_is_told_by_its_data() -> None:
    progress = Progress(
        branch="main", step="hash", activity="hash", item=3, attempt=1, message="", data={"n": 1}
    )
    assert progress_sentence(progress) == '[main] hash, item 3: {"n":1}'
