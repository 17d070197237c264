"""Items whose activities wait, and who gets a signal first (semantics 7.7, 9.2, 10.1)."""

from __future__ import annotations

import pytest

from branchline.engine.definition import SECOND
from branchline.engine.events import SignalConsumed, StepFailed
from branchline.engine.state import timer_key

from .invariants import check_nothing_is_left
from .playing import Json, Play, listen, step, to
from .waiting import at_work, two_items, two_waiters

HOME: Json = [{"error_equals": ["all"], "next": "home", "store": "why"}]
ONCE_MORE: Json = [{"max_retries": 1, "base_delay": 10 * SECOND}]


# Items


def test_a_step_of_items_is_suspended_once_all_that_have_begun_wait() -> None:
    play = two_items()
    play.wait("bake", item=0)
    assert play.statuses == {"main": "RUNNING"}
    play.wait("bake", "horn", item=1)
    assert play.statuses == {"main": "SUSPENDED"}
    play.signal("horn", "for 1")
    assert play.statuses == {"main": "RUNNING"}
    assert at_work(play) == [1]
    assert (play.received(0), play.received(1)) == ({}, {"1": "for 1"})
    play.complete("bake", "b", item=1)
    assert play.statuses == {"main": "SUSPENDED"}
    play.signal("bell")
    play.complete("bake", "a", item=0)
    assert play.variables() == {"loaves": ["a", "b"]}
    assert play.visits() == ["bake", "home"]


def test_an_item_between_two_attempts_keeps_the_branch_running() -> None:
    play = two_items(retry=ONCE_MORE)
    play.fail("bake", item=0)
    play.wait("bake", item=1)
    assert play.statuses == {"main": "RUNNING"}
    assert play.advance() == 10 * SECOND
    assert at_work(play) == [0]


def test_an_item_that_waits_keeps_its_place() -> None:
    play = two_items(most=1)
    play.wait("bake", item=0)
    assert play.tasks == []
    assert play.statuses == {"main": "SUSPENDED"}
    play.signal("bell")
    play.complete("bake", item=0)
    assert at_work(play) == [1]


def test_an_item_that_fails_ends_the_waits_of_the_others() -> None:
    play = two_items(catch=HOME)
    play.wait("bake", item=0)
    play.fail("bake", item=1)
    assert play.visits() == ["bake", "home"]
    assert play.state.waiters == {}
    assert play.state.timers.next_due() is None
    play.signal("bell")
    assert play.events(SignalConsumed) == []


@pytest.mark.parametrize(("catch", "status"), [([], "FAILED"), (HOME, "RUNNING")])
def test_an_item_that_cannot_begin_fails_a_step_whose_other_items_wait(
    catch: Json, status: str
) -> None:
    each = {"items": [1, 2, {}], "as": "size", "max_concurrency": 2}
    parameters = {"more": "${state.size + 1}"}
    play = Play(step("bake", "home", each=each, parameters=parameters, catch=catch), step("home"))
    play.wait("bake", item=0)
    play.complete("bake", item=1)
    assert [event.error.type for event in play.events(StepFailed)] == ["expression_error"]
    assert play.statuses == {"main": status}
    assert play.state.waiters == {}


def test_an_item_that_fails_for_good_lets_all_begin_anew_with_what_they_received() -> None:
    play = two_items()
    play.signal("bell", 5)
    play.wait("bake", item=0)
    play.wait("bake", item=0, key="2", deliveries=2)
    play.fail("bake", item=1)
    check_nothing_is_left(play.state)
    play.retry()
    assert at_work(play) == [0, 1]
    assert [task.deliveries for task in play.tasks] == [0, 0]
    assert play.received(0) == {"1": 5}


# Who gets a signal


def test_items_take_signals_in_the_order_of_their_waiting() -> None:
    play = two_items()
    play.wait("bake", item=1)
    play.wait("bake", item=0)
    assert play.state.waiters == {"bell": [timer_key("main", 1), timer_key("main", 0)]}
    play.signal("bell", "first")
    assert at_work(play) == [1]
    play.signal("bell", "second")
    assert (play.received(0), play.received(1)) == ({"1": "second"}, {"1": "first"})


def test_an_activity_that_has_waited_longer_than_a_step_is_first() -> None:
    play = two_waiters()
    play.signal("bell", 1)
    assert play.received(branch="b") == {"1": 1}
    assert play.statuses["a"] == "SUSPENDED"
    play.signal("bell", 2)
    assert play.variables("a") == {"ring": 2}


def test_a_step_that_has_waited_longer_than_an_activity_is_first() -> None:
    play = Play(step("go", to("bell", "a"), to("bake", "b")), listen("bell"), step("bake"))
    play.complete("go")
    play.wait("bake")
    play.signal("bell", 1)
    assert play.statuses == {"main": "COMPLETED", "a": "COMPLETED", "b": "SUSPENDED"}


def test_an_activity_that_waits_again_is_behind_the_others() -> None:
    play = two_waiters()
    play.signal("bell", 1)
    play.wait("bake", key="2")
    assert play.state.waiters == {"bell": [timer_key("a"), timer_key("b")]}
