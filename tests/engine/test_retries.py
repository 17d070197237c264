"""Which errors are tried again, and when (semantics 8.2, 8.3, 8.5)."""

from __future__ import annotations

import pytest

from branchline.engine.definition import SECOND
from branchline.engine.events import RetryScheduled

from .playing import Json, Play, step

YEAR = 365 * 24 * 3600 * SECOND


def retrying(*policies: Json, **fields: Json) -> Play:
    return Play(step("bake", retry=policies, **fields))


def delays(play: Play, chance: float = 0.0) -> list[int]:
    """The delays before each retry, in microseconds, until the execution fails."""
    passed = []
    while play.state.end is None:
        play.fail("bake", chance=chance)
        if play.state.end is None:
            passed.append(play.advance())
    return passed


def test_without_a_policy_the_first_error_ends_it() -> None:
    play = retrying()
    play.fail("bake", "burnt", "too hot", details={"by": 3})
    assert play.error == "burnt"
    assert play.state.error is not None
    assert play.state.error.message == "too hot"
    assert bytes(play.state.error.details) == b'{"by":3}'
    assert play.state.branches["main"].error == play.state.error


def test_by_default_there_are_three_retries_after_one_two_and_four_seconds() -> None:
    assert delays(retrying({})) == [SECOND, 2 * SECOND, 4 * SECOND]


def test_every_attempt_is_a_task_with_its_number() -> None:
    play = retrying({"max_retries": 1})
    assert play.task("bake").attempt == 1
    play.fail("bake")
    assert play.tasks == []
    assert play.statuses == {"main": "RUNNING"}
    assert play.state.status == "RUNNING"
    play.advance()
    assert (play.task("bake").attempt, play.task("bake").task) == (2, 2)
    play.complete("bake")
    assert play.state.status == "COMPLETED"


def test_a_retry_renders_the_same_parameters() -> None:
    play = Play(
        step("bake", parameters={"loaf": "${state.loaf}"}, retry=[{}]), state={"loaf": "rye"}
    )
    play.fail("bake")
    play.advance()
    assert play.parameters("bake") == {"loaf": "rye"}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"max_retries": 0}, []),
        ({"max_retries": 1, "base_delay": 7}, [7]),
        ({"max_retries": 2, "base_delay": 0}, [0, 0]),
        ({"base_delay": 10, "backoff_rate": 3.0}, [10, 30, 90]),
        ({"base_delay": 10, "backoff_rate": 1.0}, [10, 10, 10]),
        ({"base_delay": 10, "backoff_rate": 0.5}, [10, 5, 2]),
        ({"base_delay": 10, "backoff_rate": 0.0}, [10, 0, 0]),
        ({"base_delay": 100, "backoff_rate": 10.0, "max_delay": 150}, [100, 150, 150]),
        ({"base_delay": SECOND, "backoff_rate": 1e300}, [SECOND, 10 * YEAR, 10 * YEAR]),
    ],
)
def test_delays_grow_up_to_their_limit(policy: Json, expected: list[int]) -> None:
    assert delays(retrying(policy)) == expected


@pytest.mark.parametrize(
    ("chance", "expected"), [(0.0, [0, 0]), (0.5, [50, 100]), (0.999, [99, 199])]
)
def test_full_jitter_spreads_a_delay_from_nothing_to_all_of_it(
    chance: float, expected: list[int]
) -> None:
    policy = {"max_retries": 2, "base_delay": 100, "jitter_strategy": "FULL"}
    assert delays(retrying(policy), chance) == expected


def test_without_jitter_chance_does_not_matter() -> None:
    policy = {"max_retries": 2, "base_delay": 100, "jitter_strategy": "NONE"}
    assert delays(retrying(policy), chance=0.5) == [100, 200]


def test_a_wake_before_the_time_changes_nothing() -> None:
    play = retrying({"base_delay": SECOND})
    play.fail("bake")
    assert play.wake(SECOND - 1) == []
    assert play.tasks == []
    play.wake(SECOND)
    assert play.task("bake").attempt == 2


def test_a_late_wake_makes_one_attempt() -> None:
    play = retrying({"base_delay": SECOND})
    play.fail("bake")
    play.wake(1000 * SECOND)
    assert [task.attempt for task in play.tasks] == [2]
    assert play.state.timers.next_due() is None


# Which errors


@pytest.mark.parametrize(
    ("listed", "error", "taken"),
    [
        ([], "burnt", True),
        ([], "timeout", True),
        ([], "fatal_error", False),
        (["all"], "burnt", True),
        (["all"], "timeout", True),
        (["all"], "worker_lost", True),
        (["all"], "fatal_error", False),
        (["activity_failed"], "activity_failed", True),
        (["activity_failed"], "burnt", True),
        (["activity_failed"], "worker_lost", True),
        (["activity_failed"], "timeout", False),
        (["activity_failed"], "fatal_error", False),
        (["fatal_error"], "fatal_error", True),
        (["all", "fatal_error"], "fatal_error", True),
        (["fatal_error"], "burnt", False),
        (["timeout"], "timeout", True),
        (["timeout"], "burnt", False),
        (["burnt"], "burnt", True),
        (["Burnt"], "burnt", False),
        (["burn"], "burnt", False),
        (["cold", "burnt"], "burnt", True),
    ],
)
def test_error_types_match(listed: list[str], error: str, taken: bool) -> None:  # noqa: FBT001
    """The same rule for retry and catch; an empty list is for retry alone."""
    play = retrying({"error_equals": listed})
    play.fail("bake", error)
    assert (play.state.end is None) is taken
    if listed:
        play = Play(step("bake", catch=[{"error_equals": listed, "next": "home"}]), step("home"))
        play.fail("bake", error)
        assert (play.state.end is None) is taken


def test_the_first_error_picks_the_first_matching_policy_for_the_whole_visit() -> None:
    play = retrying(
        {"error_equals": ["timeout"], "max_retries": 9},
        {"error_equals": ["busy"], "max_retries": 2},
        {"error_equals": ["activity_failed"], "max_retries": 9},
    )
    for error in ("busy", "timeout"):
        play.fail("bake", error)
        play.advance()
    play.fail("bake", "jammed")
    assert play.error == "jammed"
    assert [event.policy for event in play.events(RetryScheduled)] == [1, 1]


def test_an_error_that_no_policy_takes_is_not_retried() -> None:
    play = retrying({"error_equals": ["timeout"]}, {"error_equals": ["busy"]})
    play.fail("bake", "burnt")
    assert play.error == "burnt"


def test_a_fatal_error_ends_the_sequence() -> None:
    play = retrying({"max_retries": 9})
    play.fail("bake")
    play.advance()
    play.fail("bake", "fatal_error")
    assert play.error == "fatal_error"


def test_a_fatal_error_is_retried_by_a_policy_that_names_it() -> None:
    play = retrying({"error_equals": ["busy", "fatal_error"], "max_retries": 2})
    play.fail("bake", "busy")
    play.advance()
    play.fail("bake", "fatal_error")
    assert play.state.end is None


# Time limits


def test_a_policys_timeout_bounds_the_attempts_that_it_makes() -> None:
    play = retrying({"timeout": 5 * SECOND})
    assert play.task("bake").timeout is None
    play.fail("bake")
    play.advance()
    assert play.task("bake").timeout == 5 * SECOND


@pytest.mark.parametrize(("of_step", "expected"), [(3, 3), (9, 5)])
def test_the_tighter_of_two_time_limits_holds(of_step: int, expected: int) -> None:
    play = retrying({"timeout": 5 * SECOND}, timeout=of_step * SECOND)
    assert play.task("bake").timeout == of_step * SECOND
    play.fail("bake")
    play.advance()
    assert play.task("bake").timeout == expected * SECOND


def test_a_policy_without_a_timeout_leaves_the_steps_own() -> None:
    play = retrying({}, timeout=3 * SECOND)
    play.fail("bake", "timeout")
    play.advance()
    assert play.task("bake").timeout == 3 * SECOND
