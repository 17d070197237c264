"""Random executions that start each other: what holds between parents and children."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from .family import Family, Parent
from .graphs import happenings, workflows
from .invariants import check_history, check_state
from .playing import Json
from .test_properties import command_of, taken_up_again

OWN = ("begin", "refuse", "child completes", "child fails", "child is canceled")
"""What the host does by itself here."""

STALE = ("stale", "stale child")


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(workflows(), workflows(), happenings())
def test_parents_and_children_agree(
    bakery: dict[str, Json], bread: dict[str, Json], happened: list[tuple[str, int]]
) -> None:
    """Children may have children of their own workflow; one of the follow-ups is unknown."""
    family = Family(bakery=bakery, bread=bread)
    family.start("bakery")
    check(family)
    for kind, number in happened:
        plays = list(family.plays.values())
        move(plays[number % len(plays)], "wake" if kind in (*OWN, *STALE) else kind, number)
        family.settle()
        check(family)
    for play in family.plays.values():
        check_history([event for _, event in play.history])


def move(play: Parent, kind: str, number: int) -> None:
    """Let something happen to one of them; one that has failed is taken up again."""
    if play.state.end is not None:
        taken_up_again(play)
    else:
        play.send(command_of(play, kind, number), chance=number / 1001)


def check(family: Family) -> None:
    """Whoever is waited for lives, and whoever lives for a parent is waited for."""
    for play in family.plays.values():
        check_state(play.state)
        assert play.asked == []
        for child in play.awaited:
            assert family.links[child].parent == play.state.id
            assert family.plays[child].state.end is None
    for name, link in family.links.items():
        if link.child and name not in family.told:
            assert family.plays[name].state.end is None
            assert name in family.plays[link.parent].awaited
