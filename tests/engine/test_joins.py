"""Who has arrived at a join, who goes on, and when (semantics 6.1-6.3, 6.5, 6.7)."""

from __future__ import annotations

from branchline.engine.events import JoinPassed

from .playing import Json, Play, fork, forked, meet, step, to

# Listed branches


def test_a_join_waits_for_every_listed_branch() -> None:
    play = forked(
        fork(to("a", "a"), to("b", "b"), to("gate", "c")),
        step("a"),
        step("b"),
        meet("gate", "after", branches=["a", "b"]),
        step("after"),
    )
    play.complete("a")
    assert play.statuses["c"] == "WAITING"
    assert play.visits("c") == ["gate"]
    play.complete("b")
    assert play.statuses["c"] == "RUNNING"
    assert play.visits("c") == ["gate", "after"]


def test_main_may_be_listed() -> None:
    play = forked(
        fork(to("gate", "c"), to("a", "a", "false")), step("a"), meet("gate", branches=["main"])
    )
    assert play.state.status == "COMPLETED"


def test_a_join_that_is_satisfied_already_is_passed_at_once() -> None:
    play = forked(
        fork(to("a", "a"), to("b", "b")),
        step("a"),
        step("b", "gate"),
        meet("gate", branches=["a"]),
    )
    play.complete("a")
    play.complete("b")
    assert play.state.status == "COMPLETED"
    assert play.visits("b") == ["b", "gate"]


def test_listed_branches_may_meet_at_the_join_itself() -> None:
    """The last to arrive goes on, the others complete there."""
    play = forked(
        fork(to("a", "a"), to("b", "b"), to("c", "c")),
        step("a", "gate"),
        step("b", "gate"),
        step("c", "gate"),
        meet("gate", "after", branches=["a", "b", "c"]),
        step("after"),
    )
    for name in ("c", "a", "b"):
        play.complete(name)
    assert play.statuses == {
        "main": "COMPLETED",
        "a": "COMPLETED",
        "b": "RUNNING",
        "c": "COMPLETED",
    }
    assert play.visits("b") == ["b", "gate", "after"]


def test_an_outsider_goes_on_although_a_listed_branch_came_later() -> None:
    play = forked(
        fork(to("a", "a"), to("gate", "out")),
        step("a", "gate"),
        meet("gate", "after", branches=["a"]),
        step("after"),
    )
    play.complete("a")
    assert play.statuses == {"main": "COMPLETED", "a": "COMPLETED", "out": "RUNNING"}


def test_the_first_outsider_goes_on_and_the_others_end() -> None:
    play = forked(
        fork(to("a", "a"), to("b", "early"), to("c", "late")),
        step("a"),
        step("b", "gate"),
        step("c", "gate"),
        meet("gate", "after", branches=["a"]),
        step("after"),
    )
    play.complete("b")
    play.complete("c")
    play.complete("a")
    assert play.visits("early") == ["b", "gate", "after"]
    assert play.visits("late") == ["c", "gate"]
    assert play.statuses["late"] == "COMPLETED"


# Counts


def jury(count: int) -> Play:
    return forked(
        fork(to("a", "a"), to("b", "b"), to("c", "c"), to("gate", "clerk")),
        step("a"),
        step("b"),
        step("c", "gate"),
        meet("gate", "after", branches=["a", "b", "c"], count=count),
        step("after"),
    )


def test_a_count_is_enough() -> None:
    play = jury(2)
    play.complete("b")
    assert play.statuses["clerk"] == "WAITING"
    play.complete("a")
    assert play.statuses["clerk"] == "RUNNING"
    [passed] = play.events(JoinPassed)
    assert (passed.taken, passed.left_out) == (("a", "b"), ("c",))


def test_a_count_of_zero_means_all() -> None:
    play = jury(0)
    play.complete("a")
    play.complete("b")
    assert play.statuses["clerk"] == "WAITING"
    play.complete("c")
    assert play.statuses["clerk"] == "RUNNING"


def test_a_branch_that_was_left_out_goes_on_and_the_execution_waits_for_it() -> None:
    play = jury(1)
    play.complete("a")
    play.complete("after")
    assert play.statuses == {
        "main": "COMPLETED",
        "a": "COMPLETED",
        "b": "RUNNING",
        "c": "RUNNING",
        "clerk": "COMPLETED",
    }
    play.complete("b")
    assert play.state.status == "RUNNING"


def test_a_left_out_branch_ends_at_the_join_that_went_on_without_it() -> None:
    play = jury(2)
    for name in ("a", "b", "after"):
        play.complete(name)
    play.complete("c")
    assert play.visits("c") == ["c", "gate"]
    assert play.state.status == "COMPLETED"


def test_more_branches_than_needed_are_taken_when_they_have_arrived() -> None:
    play = forked(
        fork(to("a", "a"), to("b", "b"), to("c", "clerk")),
        step("a"),
        step("b"),
        step("c", "gate"),
        meet("gate", branches=["a", "b"], count=1),
    )
    for name in ("a", "b", "c"):
        play.complete(name)
    [passed] = play.events(JoinPassed)
    assert passed.taken == ("a", "b")
    assert passed.left_out == ()


def test_a_listed_branch_passes_a_join_for_one_alone_and_the_second_ends_there() -> None:
    play = forked(
        fork(to("a", "a"), to("b", "b")),
        step("a", "gate"),
        step("b", "gate"),
        meet("gate", "after", branches=["a", "b"], count=1),
        step("after"),
    )
    play.complete("b")
    assert play.visits("b") == ["b", "gate", "after"]
    play.complete("a")
    assert play.visits("a") == ["a", "gate"]
    play.complete("after")
    assert play.state.status == "COMPLETED"


# No list


def orchestra(**join: Json) -> Play:
    return forked(
        fork(to("a", "a"), to("b", "b"), to("gate", "c")),
        step("a"),
        step("b", "gate"),
        meet("gate", "after", **join),
        step("after"),
    )


def test_a_join_without_a_list_waits_until_no_other_branch_is_live_elsewhere() -> None:
    play = orchestra()
    play.complete("a")
    assert play.statuses["c"] == "WAITING"
    play.complete("b")
    assert play.statuses == {
        "main": "COMPLETED",
        "a": "COMPLETED",
        "b": "COMPLETED",
        "c": "RUNNING",
    }
    [passed] = play.events(JoinPassed)
    assert passed.taken == ("a", "b")


def test_branches_that_started_others_do_not_count_for_a_join_without_a_list() -> None:
    """The first branch has ended too, but as a fork."""
    play = orchestra(count=1)
    assert play.statuses["c"] == "WAITING"
    play.complete("a")
    assert play.statuses["c"] == "RUNNING"
    [passed] = play.events(JoinPassed)
    assert passed.taken == ("a",)


def test_a_branch_that_waits_at_the_join_counts_for_another_but_not_for_itself() -> None:
    play = orchestra(count=1)
    play.complete("b")
    assert play.statuses == {
        "main": "COMPLETED",
        "a": "RUNNING",
        "b": "COMPLETED",
        "c": "RUNNING",
    }


def test_a_lone_branch_passes_a_join_without_a_list() -> None:
    play = Play(step("a", "gate"), meet("gate", "after"), step("after"))
    play.complete("a")
    assert play.visits() == ["a", "gate", "after"]


def test_a_branch_waiting_at_another_join_is_live_elsewhere() -> None:
    play = forked(
        fork(to("gate", "a"), to("other", "b"), to("c", "c")),
        meet("gate", "after"),
        meet("other", branches=["c"]),
        step("after"),
        step("c"),
    )
    assert play.statuses["a"] == "WAITING"
    play.complete("c")
    assert play.visits("a") == ["gate", "after"]


# Edges of a join


def test_edges_of_a_join_may_fork() -> None:
    play = forked(
        fork(to("a", "a"), to("gate", "host")),
        step("a", store="points"),
        meet(
            "gate",
            to("sum", when="state.a > 3"),
            to("cheer", "winners", "state.a > 3"),
            branches=["a"],
            branch_mappings={"a.points": "a"},
        ),
        step("sum"),
        step("cheer"),
    )
    play.complete("a", 8)
    assert play.statuses == {
        "main": "COMPLETED",
        "a": "COMPLETED",
        "host": "COMPLETED",
        "host-1": "RUNNING",
        "winners": "RUNNING",
    }
    assert play.variables("winners") == {"a": 8}


def test_one_join_may_satisfy_the_next() -> None:
    play = forked(
        fork(to("a", "a"), to("one", "b"), to("two", "c"), to("three", "d")),
        step("a"),
        meet("one", branches=["a"]),
        meet("two", branches=["b"]),
        meet("three", branches=["b", "c"]),
    )
    play.complete("a")
    assert play.state.status == "COMPLETED"
