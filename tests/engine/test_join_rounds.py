"""Joins that are reached again: a branch is taken once (semantics 6.2)."""

from __future__ import annotations

from branchline.engine.events import JoinPassed

from .playing import Play, fork, forked, meet, step, to


def test_a_taken_branch_does_not_count_for_a_later_comer() -> None:
    """A later outsider has nobody left to wait for."""
    play = forked(
        fork(to("a", "a"), to("b", "early"), to("c", "late")),
        step("a"),
        step("b", "gate"),
        step("c", "gate"),
        meet("gate", branches=["a"]),
    )
    play.complete("a")
    play.complete("b")
    assert play.statuses["early"] == "COMPLETED"
    play.complete("c")
    assert play.error == "join_deadlock"


def test_a_taken_branch_does_not_count_again_without_a_list_either() -> None:
    play = forked(
        fork(to("a", "a"), to("b", "early"), to("c", "late")),
        step("a"),
        step("b", "gate"),
        step("c", "gate"),
        meet("gate", "after", count=1),
        step("after"),
    )
    play.complete("a")
    play.complete("b")
    play.complete("c")
    assert play.statuses["late"] == "WAITING"
    play.complete("after")
    assert play.visits("late") == ["c", "gate", "after"]
    assert [passed.taken for passed in play.events(JoinPassed)] == [("a",), ("early",)]


def test_a_loop_through_a_join_takes_the_next_branch_of_the_name_each_time() -> None:
    play = Play(
        step("send", to("drive", "van"), to("gate", "hub")),
        step("drive"),
        meet("gate", to("send", when="state.round < 3"), branches=["van"]),
        state={"round": 0},
    )
    for number in (1, 2, 3):
        play.complete("send", patch={"round": number})
        play.complete("drive")
    assert play.state.status == "COMPLETED"
    assert [passed.taken for passed in play.events(JoinPassed)] == [
        ("van",),
        ("van#2",),
        ("van#3",),
    ]


def test_a_join_means_the_latest_branch_of_a_name() -> None:
    """The first van has arrived, but the second is on its way when the hub comes."""
    play = forked(
        fork(to("send", "hub"), to("far", "last")),
        step("send", to("drive", "van"), to("call", "desk")),
        step("drive"),
        step("call", to("send", when="state.round < 2"), to("idle", when="state.round == 2")),
        step("idle"),
        step("far", "gate"),
        meet("gate", branches=["van"]),
        state={"round": 1},
    )
    play.complete("send")
    play.complete("drive")
    play.complete("call")
    play.complete("send", patch={"round": 2})
    play.complete("far")
    assert play.statuses["last"] == "WAITING"
    play.complete("drive")
    assert play.statuses["last"] == "COMPLETED"
    [passed] = play.events(JoinPassed)
    assert passed.taken == ("van#2",)


def test_a_branch_that_goes_on_may_come_to_the_same_join_again() -> None:
    play = forked(
        fork(to("a", "a"), to("b", "b")),
        step("a", "gate"),
        step("b", "gate"),
        meet("gate", "more", branches=["a", "b"], count=1),
        step("more", to("gate", when="state.again")),
        state={"again": True},
    )
    play.complete("a")
    play.complete("more")
    assert play.visits("a") == ["a", "gate", "more", "gate", "more"]
    play.complete("more", patch={"again": False})
    play.complete("b")
    assert play.state.status == "COMPLETED"
