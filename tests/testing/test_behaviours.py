"""What an activity can do by a script."""

from __future__ import annotations

from datetime import timedelta

import pytest

from branchline.client import ActivityError
from branchline.testing import (
    Behaviour,
    Performance,
    Rehearsal,
    Run,
    crashes,
    does,
    fails,
    heartbeat,
    progress,
    records,
    removes,
    returns,
    sets,
    takes,
    waits,
)
from tests.testing.flows import Json, flow, rehearse, work


def result_of(*attempts: Behaviour, **fields: Json) -> Json:
    """What a step gives whose attempts behave so."""
    rehearsal, run = rehearse(
        work(**fields), outputs=[{"name": "work"}], activities={"work": list(attempts)}
    )
    rehearsal.run()
    return run.expect_completed()["work"]


def test_each_attempt_has_its_behaviour_and_the_last_one_stays() -> None:
    """Over all executions, in the order in which the attempts begin."""
    rehearsal = Rehearsal(
        flow(work(), outputs=[{"name": "work"}]), activities={"work": [returns(1), returns(2)]}
    )
    runs = [rehearsal.start("bakery") for _ in range(3)]
    assert [run.outputs for run in runs] == [{"work": 1}, {"work": 2}, {"work": 2}]


def test_a_failure_has_a_type_a_message_and_details() -> None:
    _, run = rehearse(work(), activities={"work": fails("out_of_flour", "none left", {"kg": 0})})
    error = run.expect_failed("out_of_flour")
    assert (error.message, error.details) == ("none left", {"kg": 0})


def test_a_behaviour_ends_with_its_result() -> None:
    """What comes after it does not happen."""
    assert result_of(does(takes(minutes=5), returns(7), fails("never"))) == 7


def test_a_behaviour_without_a_result_gives_null() -> None:
    assert result_of(takes(1)) is None


def test_a_result_can_be_made_of_the_performance() -> None:
    def echo(performance: Performance) -> Json:
        return [performance.parameters, performance.context.task.attempt]

    assert result_of(returns(echo), parameters={"a": 1}) == [{"a": 1}, 1]


def test_variables_are_set_and_removed_when_the_attempt_completes() -> None:
    _, run = rehearse(
        work(), state={"old": 1, "kept": 2}, activities={"work": does(sets(new=3), removes("old"))}
    )
    assert run.variables() == {"kept": 2, "new": 3, "work": None}


def test_an_activity_waits_for_a_signal_and_runs_again_from_its_start() -> None:
    """It is one attempt of two deliveries, and its branch is suspended meanwhile."""
    rehearsal, run = rehearse(
        work(),
        outputs=[{"name": "work"}],
        activities={
            "work": does(
                takes(minutes=1),
                waits("oven", timedelta(hours=1), name="heat"),
                returns(lambda performance: performance.received["heat"]),
            )
        },
    )
    rehearsal.advance(minutes=10)
    assert run.status == "SUSPENDED"
    assert run.suspension is not None
    assert run.suspension.topics == ("oven",)
    run.signal("oven", 220)
    rehearsal.run()
    assert run.expect_completed() == {"work": 220}
    assert run.elapsed == timedelta(minutes=11)
    assert [attempt.deliveries for attempt in run.attempts("work")] == [2]


def test_a_wait_in_an_activity_runs_out() -> None:
    rehearsal, run = rehearse(work(), activities={"work": waits("oven", 3600)})
    rehearsal.run()
    assert "oven" in run.expect_failed("timeout").message
    assert run.elapsed == timedelta(hours=1)


def test_a_recorded_value_is_found_again_by_the_next_attempt() -> None:
    computed: list[int] = []

    def compute() -> int:
        computed.append(1)
        return 42

    keep = records("key", compute)
    give = returns(lambda performance: performance.recorded["key"])
    assert result_of(does(keep, fails("busy")), does(keep, give), retry=[{}]) == 42
    assert len(computed) == 1


def test_a_crashed_worker_is_missed_after_its_lease() -> None:
    """The task is delivered again; that is the same attempt."""
    rehearsal = Rehearsal(
        flow(work(), outputs=[{"name": "work"}]),
        activities={
            "work": does(crashes(), returns(lambda performance: performance.context.task.delivery))
        },
        lease=25,
    )
    run = rehearsal.start("bakery")
    rehearsal.run()
    assert run.expect_completed() == {"work": 2}
    assert run.elapsed == timedelta(seconds=25)
    assert [attempt.deliveries for attempt in run.attempts()] == [2]


def test_records_outlive_a_crash() -> None:
    give = returns(lambda performance: performance.recorded["key"])
    values = iter([1, 2])
    assert result_of(does(records("key", lambda: next(values)), crashes(), give)) == 1


def test_progress_is_part_of_the_step_visit() -> None:
    rehearsal, run = rehearse(
        work(), activities={"work": does(progress("half", {"n": 1}), takes(60), fails("busy"))}
    )
    for _ in range(2):  # while it is at work, and afterwards
        [visit] = run.step_visits
        assert visit.progress is not None
        assert (visit.progress.message, visit.progress.data) == ("half", {"n": 1})
        rehearsal.run()


def test_signs_of_life_keep_an_attempt_alive() -> None:
    beats = [part for _ in range(3) for part in (takes(50), heartbeat())]
    assert result_of(does(*beats, returns("alive")), heartbeat_timeout="60s") == "alive"
    with pytest.raises(AssertionError, match="heartbeat_timeout"):
        result_of(takes(61), heartbeat_timeout="60s")


def test_behaviours_and_functions_can_take_turns() -> None:
    def bake() -> str:
        return "bread"

    rehearsal, run = rehearse(
        work(retry=[{}]), outputs=[{"name": "work"}], activities={"work": [fails("cold"), bake]}
    )
    rehearsal.run()
    assert run.expect_completed() == {"work": "bread"}


def test_a_plain_function_gives_the_result_or_raises() -> None:
    """Its parameters are checked as those of an activity are."""

    def bake(kind: str, count: int = 1) -> str:
        if kind == "stone":
            raise ActivityError("inedible", "bad_taste")
        if kind == "air":
            raise ZeroDivisionError("nothing")
        return f"{count} {kind}"

    def bakes(**parameters: Json) -> Run:
        _, run = rehearse(
            work(parameters=parameters), outputs=[{"name": "work"}], activities={"work": bake}
        )
        return run

    assert bakes(kind="rye", count=2).expect_completed() == {"work": "2 rye"}
    assert bakes(kind="stone").expect_failed("bad_taste").message == "inedible"
    assert bakes(kind="air").expect_failed("activity_failed").message == "nothing"
    assert "count" in bakes(kind="rye", count="x").expect_failed("invalid_parameters").message


def test_how_many_were_at_work_at_once_is_counted() -> None:
    rehearsal, _ = rehearse(
        work(each={"items": [1, 2, 3, 4, 5], "max_concurrency": 2}), activities={"work": takes(1)}
    )
    rehearsal.run()
    assert rehearsal.at_once("work") == 2
    assert len(rehearsal.calls("work")) == 5


@pytest.mark.parametrize(
    ("activities", "problem"),
    [
        ({"work": []}, "at least one"),
        ({"work": 3}, "cannot be performed"),
        ([lambda: 1], "mark the function"),
    ],
)
def test_what_cannot_perform_is_refused(activities: Json, problem: str) -> None:
    with pytest.raises((TypeError, ValueError), match=problem):
        Rehearsal(activities=activities)
