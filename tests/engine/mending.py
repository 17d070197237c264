"""Executions that fail and are taken up again."""

from __future__ import annotations

from .invariants import check_nothing_is_left, check_state
from .playing import MINUTE, Json, Play, step, to


def beside(*more: Json) -> Play:
    """A branch `a` that will fail at its activity `bad`, and a branch `b` beside it."""
    play = Play(step("go", to("bad", "a"), to("b", "b")), step("bad"), *more)
    play.complete("go")
    return play


def fail_and_retry(play: Play, activity: str = "bad") -> None:
    """Fail the activity, and take the execution up again ten minutes later."""
    play.fail(activity, "broken")
    assert play.state.status == "FAILED"
    check_nothing_is_left(play.state)
    play.now += 10 * MINUTE
    play.retry()
    check_state(play.state)
