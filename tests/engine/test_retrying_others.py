"""What a failure stopped goes on where it was when the execution is taken up again (4.9)."""

from __future__ import annotations

from branchline.engine.definition import SECOND
from branchline.engine.events import BranchCanceled, BranchResumed, SignalAwaited
from branchline.engine.state import timer_key

from .mending import beside, fail_and_retry
from .playing import MINUTE, Json, Play, fork, forked, listen, meet, nap, step, to

ONCE_MORE: Json = [{"max_retries": 1, "base_delay": 10 * SECOND}]


def test_a_running_activity_is_scheduled_again_as_the_same_attempt() -> None:
    play = beside(step("b", retry=ONCE_MORE))
    play.fail("b")
    play.advance()
    fail_and_retry(play)
    assert play.task("b").attempt == 2
    assert play.task("b").task == 6, "it was withdrawn: this is another one"
    play.fail("b")
    assert play.error == "activity_failed"


def test_running_items_are_scheduled_again_and_the_others_begin_in_their_turn() -> None:
    play = beside(step("b", each={"items": [0, 1, 2, 3], "max_concurrency": 2}, store="all"))
    play.complete("b", 0, item=0)
    fail_and_retry(play)
    assert [task.item for task in play.tasks if task.activity == "b"] == [1, 2]
    for item in (1, 2, 3):
        play.complete("b", item, item=item)
    assert play.variables("b") == {"all": [0, 1, 2, 3]}


def test_a_delay_between_attempts_runs_on_with_the_time_that_was_left() -> None:
    play = beside(step("b", retry=ONCE_MORE))
    play.fail("b")
    play.now = 4 * SECOND
    fail_and_retry(play)
    assert play.statuses["b"] == "RUNNING"
    assert play.advance() == 6 * SECOND
    assert play.task("b").attempt == 2


def test_a_sleep_runs_on_with_the_time_that_was_left() -> None:
    play = beside(nap("b", duration=10 * SECOND))
    play.now = 4 * SECOND
    fail_and_retry(play)
    assert play.statuses["b"] == "SUSPENDED"
    assert play.state.branches["b"].sleep_until == play.now + 6 * SECOND
    assert play.advance() == 6 * SECOND
    assert play.statuses["b"] == "COMPLETED"


def test_a_wait_runs_on_with_the_time_that_was_left() -> None:
    play = beside(listen("b", timeout=10 * SECOND, on_timeout="end"), step("end"))
    play.now = 4 * SECOND
    fail_and_retry(play)
    wait = play.state.branches["b"].wait
    assert wait is not None
    assert wait.until == play.now + 6 * SECOND
    assert play.advance() == 6 * SECOND
    assert play.visits("b") == ["b", "end"]


def test_a_wait_takes_its_signal_afterwards() -> None:
    play = beside(listen("b", store="ring"))
    fail_and_retry(play)
    play.signal("b", 1)
    assert play.variables("b") == {"ring": 1}
    assert len(play.events(SignalAwaited)) == 1


def test_waiters_keep_their_order() -> None:
    play = Play(
        step("go", to("slow", "second"), to("bell", "first"), to("bad", "a")),
        step("slow", "bell"),
        listen("bell", store="ring"),
        step("bad"),
    )
    play.complete("go")
    play.complete("slow")
    fail_and_retry(play)
    assert play.state.waiters == {"bell": [timer_key("first"), timer_key("second")]}
    play.signal("bell", 1)
    assert play.variables("first") == {"ring": 1}


def test_a_branch_at_a_join_waits_there_again() -> None:
    play = beside(meet("b", "end", branches=["a"]), step("end"))
    fail_and_retry(play)
    assert play.statuses["b"] == "WAITING"
    play.complete("bad", patch={"n": 1})
    assert play.variables("b") == {"a": {"n": 1}}
    assert play.visits("b") == ["b", "end"]


def test_arrivals_at_a_join_keep_their_order() -> None:
    play = forked(
        fork(to("slow", "one"), to("gate", "two"), to("bad", "a")),
        step("slow", "gate"),
        step("bad"),
        meet("gate", branches=["a"]),
    )
    play.complete("slow")
    fail_and_retry(play)
    assert play.state.joins["gate"].waiting == ["two", "one"]


def test_a_branch_that_was_about_to_enter_a_step_enters_it() -> None:
    """Its parent forked, and the first of the new branches failed at once."""
    play = Play(
        step("go", to("a", "a"), to("b", "b")),
        step("a", parameters={"n": "${state.missing}"}),
        step("b"),
    )
    play.complete("go")
    assert [event.entering for event in play.events(BranchCanceled)] == ["b"]
    assert play.visits("b") == []
    play.retry()
    assert play.error == "expression_error"
    assert play.visits("b") == []
    play.retry()
    assert play.statuses == {"main": "COMPLETED", "a": "FAILED", "b": "CANCELED"}


def test_a_branch_that_was_about_to_enter_goes_on_when_nothing_is_in_its_way() -> None:
    """Two waits end at the same moment: one goes on, the other fails."""
    play = Play(
        step("go", to("bell", "a"), to("b", "b")),
        listen("bell", "c", topic="x", on_timeout="c", timeout=SECOND),
        listen("b", topic="x", timeout=SECOND),
        step("c"),
    )
    play.complete("go")
    play.advance()
    assert play.error == "timeout"
    assert play.statuses == {"main": "COMPLETED", "a": "CANCELED", "b": "FAILED"}
    play.retry()
    assert play.visits("a") == ["bell", "c"]
    assert play.statuses == {"main": "COMPLETED", "a": "RUNNING", "b": "SUSPENDED"}


def test_a_paused_branch_stays_paused() -> None:
    play = beside(step("b", "c"), step("c"))
    play.pause("b", reason="wait")
    play.complete("b")
    fail_and_retry(play)
    assert play.statuses["b"] == "PAUSED"
    assert play.state.branches["b"].pause == "wait"
    play.unpause("b")
    assert play.visits("b") == ["b", "c"]


def test_a_paused_sleep_keeps_its_frozen_time() -> None:
    play = beside(nap("b", duration=10 * SECOND))
    play.now = 4 * SECOND
    play.pause("b")
    play.now = MINUTE
    fail_and_retry(play)
    assert play.statuses["b"] == "PAUSED"
    play.unpause()
    assert play.advance() == 6 * SECOND


def test_a_paused_waiter_is_passed_over_afterwards_too() -> None:
    play = Play(
        step("go", to("bell", "a"), to("bell", "b"), to("bad", "c")),
        listen("bell", store="ring"),
        step("bad"),
    )
    play.complete("go")
    play.pause("a")
    fail_and_retry(play)
    play.signal("bell", 1)
    assert play.variables("b") == {"ring": 1}
    play.signal("bell", 2)
    play.unpause()
    assert play.variables("a") == {"ring": 2}


def test_a_pause_that_was_asked_for_comes_at_the_boundary_still() -> None:
    play = beside(step("b", "c"), step("c"))
    play.pause(reason="wait")
    fail_and_retry(play)
    play.complete("b")
    play.complete("bad")
    assert play.statuses == {"main": "COMPLETED", "a": "PAUSED", "b": "PAUSED"}


def test_completed_branches_stay_completed() -> None:
    play = beside(step("b"))
    play.complete("b", patch={"n": 1})
    fail_and_retry(play)
    assert play.statuses == {"main": "COMPLETED", "a": "RUNNING", "b": "COMPLETED"}
    assert [event.branch for event in play.events(BranchResumed)] == ["a"]
