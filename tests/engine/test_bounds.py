"""Loops without end, and large executions: the work stays in proportion."""

from __future__ import annotations

from msgspec import Raw

from branchline.engine import CompleteTask, decide
from branchline.engine.events import JoinPassed, TaskScheduled

from .playing import MINUTE, Json, Play, listen, meet, nap, step, to


def test_a_loop_of_steps_that_take_no_time_is_ended_as_endless() -> None:
    play = Play(step("go", "gate"), meet("gate", "gate"), audited=False)
    play.complete("go")
    assert play.error == "endless_loop"
    assert play.state.error is not None
    assert "10000" in play.state.error.message
    assert len(play.visits()) == 10_001, "one before, and ten thousand at once"
    play.audit()


def test_a_loop_of_caught_errors_is_ended_as_endless() -> None:
    catch = [{"error_equals": ["all"], "next": "bake"}]
    play = Play(step("bake", parameters={"x": "${1 / 0}"}, catch=catch), audited=False)
    assert play.error == "endless_loop"
    play.audit()


def test_a_loop_of_stored_signals_ends_when_they_are_used_up() -> None:
    play = Play(nap("doze", "bell"), listen("bell", "bell"), audited=False)
    for _ in range(500):
        play.signal("bell")
    play.advance()
    assert play.state.status == "SUSPENDED"
    assert play.visits().count("bell") == 501
    play.audit()


def test_a_loop_that_waits_for_work_may_go_round_for_ever() -> None:
    """Only steps of one go are counted."""
    play = Play(step("a", "a"), audited=False)
    for _ in range(10_100):
        decide(play.plan, play.state, CompleteTask(task=play.state.next_task - 1), now=0)
    assert play.state.end is None


def test_ten_thousand_items_take_three_events_each_or_fewer() -> None:
    count = 10_000
    play = Play(
        step("bake", each={"items": "inputs.items", "as": "it", "max_concurrency": 50}),
        inputs=[{"name": "items"}],
        given={"items": list(range(count))},
        audited=False,
    )
    while play.state.tasks:
        play.send(CompleteTask(task=next(iter(play.state.tasks)), result=Raw(b"1")))
    assert play.state.status == "COMPLETED"
    assert len(play.history) < 3 * count
    play.audit()


def test_an_item_among_ten_thousand_costs_two_events() -> None:
    play = Play(
        step("bake", each={"items": "inputs.items", "max_concurrency": 10}),
        inputs=[{"name": "items"}],
        given={"items": list(range(10_000))},
        audited=False,
    )
    events = play.send(CompleteTask(task=1))
    assert len(events) == 2


def large_fork(count: int) -> Play:
    edges: list[Json] = [to("work", f"b{n}") for n in range(count)]
    join = meet("gate", branches=[f"b{n}" for n in range(count)])
    return Play(step("go", *edges, to("gate", "all")), step("work"), join, audited=False)


def test_a_fork_of_a_thousand_branches_is_joined() -> None:
    count = 1000
    play = large_fork(count)
    play.complete("go")
    assert len(play.events(TaskScheduled)) == count + 1
    while play.state.tasks:
        play.send(CompleteTask(task=next(iter(play.state.tasks))))
    assert play.state.status == "COMPLETED"
    assert len(play.history) < 7 * count
    [passed] = play.events(JoinPassed)
    assert len(passed.taken) == count
    play.audit()


def test_a_thousand_branches_meet_at_the_join_itself() -> None:
    count = 1000
    edges = [to("work", f"b{n}") for n in range(count)]
    join = meet("gate", branches=[f"b{n}" for n in range(count)])
    play = Play(step("go", *edges), step("work", "gate"), join, audited=False)
    play.complete("go")
    while play.state.tasks:
        play.send(CompleteTask(task=next(iter(play.state.tasks))))
    assert play.state.status == "COMPLETED"
    assert len(play.history) < 9 * count
    play.audit()


def test_a_failure_among_a_thousand_branches_stops_each_once() -> None:
    play = large_fork(1000)
    play.complete("go")
    play.fail("work")
    assert len(play.history) <= 4 * 1000 + 20
    assert play.state.live == {}
    play.audit()


def test_a_thousand_timers_of_one_moment_all_fire() -> None:
    play = Play(step("go", *["doze"] * 1000), nap("doze", "more"), nap("more"), audited=False)
    play.complete("go")
    assert play.advance() == MINUTE
    assert play.state.timers.next_due() == 2 * MINUTE
    play.advance()
    assert play.state.status == "COMPLETED"
    play.audit()
