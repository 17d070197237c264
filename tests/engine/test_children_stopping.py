"""Parents that are paused, stopped and taken up again while they have children (10.5, 4.6, 4.9)."""

from __future__ import annotations

import pytest

from branchline.engine import Status
from branchline.engine.definition import SECOND
from branchline.engine.events import BranchPaused

from .family import Parent, catching, retrying, spawn
from .playing import MINUTE, Json, step, to

BAKE = spawn("bake", "rest", store="bread", timeout=MINUTE)
REST = step("rest")


def waiting(*steps: Json, **fields: Json) -> Parent:
    """An execution that waits for its children, and has a last step."""
    play = Parent(*(steps or (BAKE, REST)), **fields)
    play.begin()
    return play


def each_of(count: int, **fields: Json) -> Json:
    """A step with a child for each of a few items."""
    return spawn("bake", "rest", store="all", each={"items": list(range(count))}, **fields)


# Pausing


def test_a_branch_that_waits_is_paused_at_once_and_its_time_stands_still() -> None:
    play = waiting()
    play.now = 20 * SECOND
    play.pause(reason="look")
    assert (play.state.status, play.state.timers.due) == (Status.PAUSED, {})
    play.now = 10 * MINUTE
    play.unpause()
    assert (play.state.status, play.awaited) == (Status.SUSPENDED, ["child_1"])
    assert play.advance() == 40 * SECOND
    assert play.error == "timeout"


def test_a_result_that_comes_meanwhile_is_kept_and_nothing_follows_until_later() -> None:
    play = waiting()
    play.pause()
    play.close()
    assert (play.state.status, play.visits(), play.tasks) == (Status.PAUSED, ["bake"], [])
    play.unpause()
    assert play.visits() == ["bake", "rest"]
    assert play.variables()["bread"]["execution_id"] == "child_1"


def test_a_failure_that_comes_meanwhile_is_tried_again_later() -> None:
    play = waiting(spawn("bake", timeout=MINUTE, retry=retrying(1, 5 * SECOND)))
    play.pause()
    play.lose()
    assert (play.state.status, play.attempts) == (Status.PAUSED, [(1, None, 1)])
    play.now = MINUTE * 5
    play.unpause()
    assert (play.state.status, play.advance()) == (Status.RUNNING, 5 * SECOND)
    assert play.attempts == [(1, None, 1), (2, None, 2)]


def test_a_failure_that_comes_meanwhile_fails_the_step_later() -> None:
    play = waiting()
    play.pause()
    play.call_off()
    assert play.error == ""
    play.unpause()
    assert play.error == "child_canceled"


def test_a_branch_that_asks_for_a_child_is_paused_once_it_has_begun() -> None:
    play = Parent(BAKE, REST)
    play.pause()
    assert play.statuses == {"main": "RUNNING"}
    play.begin()
    assert (play.statuses, play.state.timers.due) == ({"main": "PAUSED"}, {})
    play.unpause()
    assert (play.statuses, play.advance()) == ({"main": "SUSPENDED"}, MINUTE)


def test_a_branch_whose_child_lives_by_itself_is_paused_behind_the_step() -> None:
    play = Parent(spawn("bake", "rest", wait=False), REST)
    play.pause()
    play.begin()
    assert (play.state.status, play.visits()) == (Status.PAUSED, ["bake"])
    play.unpause()
    assert play.visits() == ["bake", "rest"]


def test_a_branch_whose_child_is_refused_is_paused_between_the_attempts() -> None:
    play = Parent(spawn("bake", retry=retrying(1, 5 * SECOND)))
    play.pause()
    play.refuse()
    assert play.state.status is Status.PAUSED
    play.now = MINUTE
    play.unpause()
    assert play.advance() == 5 * SECOND


def test_a_branch_is_paused_when_only_delays_are_left_of_its_items() -> None:
    play = Parent(each_of(2, wait=False, retry=retrying(1, 5 * SECOND)), REST)
    play.refuse(1)
    play.pause()
    assert play.statuses == {"main": "RUNNING"}
    play.begin(2)
    assert play.statuses == {"main": "PAUSED"}


def test_items_that_end_during_a_pause_make_room_when_it_is_over() -> None:
    play = waiting(spawn("bake", "rest", each={"items": [1, 2, 3], "max_concurrency": 2}), REST)
    play.pause()
    play.close(1)
    assert play.asked == []
    play.unpause()
    assert (play.asked, play.awaited) == ([3], ["child_2"])


def test_each_item_goes_on_where_it_was_after_a_pause() -> None:
    play = waiting(each_of(4, timeout=MINUTE, retry=retrying(1, 5 * SECOND)), REST)
    play.lose(2)  # between two attempts
    play.pause()
    play.close(1)
    play.lose(3)
    play.unpause()
    assert len(play.events(BranchPaused)) == 1
    play.advance()
    assert play.attempts[4:] == [(5, 1, 2), (6, 2, 2)]
    play.begin()
    for child in (4, 5, 6):
        play.close(child)
    results = [item["execution_id"] for item in play.variables()["all"]]
    assert results == ["child_1", "child_5", "child_6", "child_4"]


def test_postponed_items_are_postponed_no_longer_than_a_pause() -> None:
    play = Parent(
        spawn("bake", each={"items": "inputs.n"}),
        inputs=[{"name": "n"}],
        given={"n": [*range(1500)]},
        audited=False,
    )
    play.begin()
    play.pause()
    assert play.state.status is Status.PAUSED
    play.wake(MINUTE)
    assert play.asked == []
    play.unpause()
    assert len(play.asked) == 500
    play.wake(play.now)
    play.begin()
    assert len(play.awaited) == 1500
    play.audit()


# Stopping


@pytest.mark.parametrize(
    ("stop", "error"),
    [
        (lambda play: play.cancel(), ""),
        (lambda play: play.fail("work"), "activity_failed"),
        (lambda play: play.wake(MINUTE), "timeout"),
    ],
)
def test_whatever_stops_an_execution_stops_its_children(stop: Json, error: str) -> None:
    play = Parent(
        spawn("bake", to("bake2", "left"), to("work", "right")),
        each_of(2) | {"name": "bake2"},
        step("work"),
        REST,
        limit=MINUTE,
    )
    play.begin()
    play.close()
    play.begin(2)
    assert (play.awaited, play.asked) == (["child_2"], [3])
    stop(play)
    assert play.error == error
    assert (play.stopped, play.asked, play.state.children) == (["child_2"], [], {})
    assert play.state.timers.due == {}


def test_a_child_that_is_still_asked_for_is_not_started_after_a_cancellation() -> None:
    play = Parent(BAKE, REST)
    play.cancel()
    assert (play.asked, play.stopped) == ([], [])
    play.begin(1)
    assert play.awaited == []


def test_a_paused_parent_is_stopped_with_its_children() -> None:
    play = waiting()
    play.pause()
    play.cancel()
    assert play.stopped == ["child_1"]


# Taking up again


def test_a_step_whose_child_has_failed_asks_for_another_one() -> None:
    play = waiting(spawn("bake", "rest", retry=retrying(1)), REST)
    play.lose()
    play.advance()
    play.begin()
    play.lose(2)
    play.retry()
    assert play.attempts == [(1, None, 1), (2, None, 2), (3, None, 1)]
    play.begin()
    play.close(3)
    assert play.visits() == ["bake", "rest"]


def test_items_that_are_done_are_not_started_again() -> None:
    play = waiting(each_of(3), REST)
    play.close(2)
    play.lose(3)
    assert play.stopped == ["child_1"]
    play.retry()
    assert play.attempts[3:] == [(4, 0, 1), (5, 2, 1)]
    play.begin()
    play.close(5)
    play.close(4)
    results = [item["execution_id"] for item in play.variables()["all"]]
    assert results == ["child_4", "child_2", "child_5"]


@pytest.mark.parametrize("paused", [False, True])
def test_a_stopped_branch_starts_its_children_again(*, paused: bool) -> None:
    play = Parent(
        spawn("first", to("bake", "left"), to("work", "right"), wait=False),
        each_of(4, timeout=MINUTE, retry=retrying(1, 5 * SECOND)),
        step("work"),
        REST,
    )
    play.begin()
    play.begin()
    play.close(2)
    play.lose(3)
    if paused:
        play.pause("left")
    play.now = SECOND
    play.fail("work")
    assert play.stopped == ["child_4", "child_5"]
    play.now = MINUTE
    play.retry()
    if paused:
        assert (play.statuses["left"], play.asked) == ("PAUSED", [])
        play.unpause()
    assert play.attempts[5:] == [(6, 2, 1), (7, 3, 1)]
    assert play.advance() == 0  # those that are asked for
    play.begin()
    assert play.advance() == (5 if paused else 4) * SECOND
    assert play.attempts[7:] == [(8, 1, 2)]


def test_a_result_that_came_during_a_pause_outlives_a_failure_elsewhere() -> None:
    play = Parent(
        spawn("first", to("bake", "left"), to("work", "right"), wait=False),
        BAKE,
        step("work"),
        REST,
    )
    play.begin()
    play.begin()
    play.pause("left")
    play.close(2)
    play.fail("work")
    play.retry()
    play.unpause()
    assert play.visits("left") == ["bake", "rest"]


def test_a_failure_that_came_during_a_pause_outlives_one_elsewhere() -> None:
    play = Parent(
        spawn("first", to("bake", "left"), to("work", "right"), wait=False),
        spawn("bake", catch=catching("burnt", "rest")),
        step("work"),
        REST,
    )
    play.begin()
    play.begin()
    play.pause("left")
    play.lose(2)
    play.fail("work")
    play.retry()
    play.unpause()
    assert play.visits("left") == ["bake", "rest"]
