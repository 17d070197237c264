"""Values that activities record (semantics 7.8)."""

from __future__ import annotations

import pytest
from msgspec import Raw

from branchline.engine import RecordValue, TaskGone
from branchline.engine.definition import SECOND
from branchline.engine.events import ValueRecorded

from .playing import Json, Play, step, to

ONCE_MORE: Json = [{"max_retries": 1, "base_delay": 10 * SECOND}]


def test_a_value_is_recorded_and_the_task_goes_on() -> None:
    play = Play(step("bake", store="x"))
    play.record("bake", "dice", 6)
    assert play.recorded() == {"dice": 6}
    play.record("bake", "nothing")
    assert play.recorded() == {"dice": 6, "nothing": None}
    play.complete("bake", 1)
    assert play.variables() == {"x": 1}


def test_the_first_value_of_a_key_stays() -> None:
    play = Play(step("bake"))
    play.record("bake", "dice", None)
    assert play.record("bake", "dice", 2) == []
    assert play.recorded() == {"dice": None}
    assert len(play.events(ValueRecorded)) == 1


def test_a_value_is_kept_as_it_is_written() -> None:
    odd = b'{"n" :  123456789012345678901234567890, "e": 1E1}'
    play = Play(step("bake"))
    play.record("bake", "dice", Raw(odd))
    assert bytes(play.state.branches["main"].visit.memories[0].recorded["dice"]) == odd


def test_values_survive_attempts_waits_and_a_retry_of_the_execution() -> None:
    play = Play(step("bake", retry=ONCE_MORE))
    play.record("bake", "a", 1)
    play.wait("bake")
    assert play.recorded() == {"a": 1}
    play.advance()
    play.record("bake", "b", 2)
    play.fail("bake")
    assert play.recorded() == {"a": 1, "b": 2}
    play.advance()
    play.fail("bake")
    assert play.state.status == "FAILED"
    play.retry()
    assert play.task("bake").attempt == 1
    assert play.record("bake", "a", 3) == []
    assert play.recorded() == {"a": 1, "b": 2}


def test_values_survive_the_failure_of_another_branch() -> None:
    play = Play(step("go", to("bake", "a"), to("bad", "b")), step("bake"), step("bad"))
    play.complete("go")
    play.record("bake", "dice", 6)
    play.fail("bad")
    play.retry()
    assert play.recorded(branch="a") == {"dice": 6}
    assert play.recorded(branch="b") == {}


def test_values_are_gone_when_the_branch_moves_on() -> None:
    play = Play(step("bake", "bake"))
    play.record("bake", "dice", 6)
    play.complete("bake")
    assert play.visits() == ["bake", "bake"]
    assert play.recorded() == {}
    play.record("bake", "dice", 2)
    assert play.recorded() == {"dice": 2}


def test_values_are_gone_when_an_error_is_caught() -> None:
    play = Play(step("bake", catch=[{"error_equals": ["all"], "next": "home"}]), step("home"))
    play.record("bake", "dice", 6)
    play.fail("bake")
    assert play.visits() == ["bake", "home"]
    assert play.recorded() == {}


def test_each_item_has_its_own_values() -> None:
    play = Play(step("bake", each={"items": [1, 2, 3]}, retry=ONCE_MORE))
    play.record("bake", "dice", 6, item=0)
    play.record("bake", "dice", 2, item=1)
    assert [play.recorded(item) for item in range(3)] == [{"dice": 6}, {"dice": 2}, {}]
    play.complete("bake", item=0)
    assert [play.recorded(item) for item in range(3)] == [{}, {"dice": 2}, {}]
    play.fail("bake", item=1)
    play.advance()
    assert play.task("bake", 1).attempt == 2
    assert play.recorded(1) == {"dice": 2}


def test_a_task_that_is_over_can_not_record() -> None:
    play = Play(step("bake"))
    task = play.task("bake").task
    play.wait("bake")
    with pytest.raises(TaskGone):
        play.send(RecordValue(task=task, key="dice"))
    play.signal("bell")
    with pytest.raises(TaskGone):
        play.send(RecordValue(task=task, key="dice"))
    assert play.recorded() == {}
