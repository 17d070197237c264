"""What the branch that goes on from a join brings with it (semantics 6.4, 6.7)."""

from __future__ import annotations

from msgspec import Raw

from .playing import Json, Play, meet, step, to


def merged(mappings: dict[str, str], north: Json, south: Json, **desk: Json) -> dict[str, Json]:
    """The state of `desk` after it has joined `north` and `south`, which have a `report`."""
    play = Play(
        step("ask", to("north", "north"), to("south", "south"), to("gate", "desk")),
        step("north", store="report"),
        step("south", store="report"),
        meet("gate", branches=["north", "south"], branch_mappings=mappings),
        state=desk,
    )
    play.complete("ask")
    play.complete("north", north)
    play.complete("south", south)
    assert play.state.status == "COMPLETED"
    return play.variables("desk")


def test_mapped_variables_come_and_own_ones_stay() -> None:
    state = merged({"north.report": "n", "south.report": "s"}, 1, 2, title="Q3")
    assert state == {"title": "Q3", "n": 1, "s": 2}


def test_without_mappings_whole_states_come_under_the_branches_names() -> None:
    state = merged({}, 1, 2, title="Q3")
    assert state == {
        "title": "Q3",
        "north": {"title": "Q3", "report": 1},
        "south": {"title": "Q3", "report": 2},
    }


def test_a_branch_without_any_mapping_comes_whole_beside_a_mapped_one() -> None:
    assert merged({"north.report": "n"}, 1, 2) == {"n": 1, "south": {"report": 2}}


def test_a_mapping_of_the_branch_alone_takes_its_whole_state() -> None:
    state = merged({"north": "all.first", "south": "all.second"}, 1, 2)
    assert state == {"all": {"first": {"report": 1}, "second": {"report": 2}}}


def test_dots_reach_into_objects_at_both_ends() -> None:
    state = merged(
        {"north.report.sums.total": "sums.north.total", "south.report.sums": "sums.south"},
        {"sums": {"total": 5, "pages": 3}},
        {"sums": {"total": 8}},
    )
    assert state == {"sums": {"north": {"total": 5}, "south": {"total": 8}}}


def test_missing_variables_are_skipped() -> None:
    """Also those behind something that is no object."""
    mappings = {
        "north.report.total": "a",
        "north.missing": "b",
        "south.report.sums.total": "c",
        "south.report.sums.total.cents": "d",
        "south.report": "e",
    }
    assert merged(mappings, [1, 2], {"sums": {"total": 3}}) == {"c": 3, "e": {"sums": {"total": 3}}}


def test_null_is_not_missing() -> None:
    mappings = {"north.report": "n", "south.report.x": "s"}
    assert merged(mappings, None, {"x": None}) == {"n": None, "s": None}


def test_a_destination_through_something_that_is_no_object_replaces_it() -> None:
    mappings = {"north.report": "a.b.c", "south.report": "d.e"}
    assert merged(mappings, 1, 2, a={"b": [1], "x": True}, d="text") == {
        "a": {"b": {"c": 1}, "x": True},
        "d": {"e": 2},
    }


def test_a_destination_keeps_what_is_beside_it() -> None:
    mappings = {"north.report": "sums.a", "south.report": "sums.b"}
    assert merged(mappings, 1, 2, sums={"a": 0, "c": 3}) == {"sums": {"a": 1, "b": 2, "c": 3}}


def test_an_outer_destination_is_written_before_one_inside_of_it() -> None:
    mappings = {"north.report": "x.y", "south.report": "x"}
    assert merged(mappings, 1, {"y": 0, "z": 2}) == {"x": {"y": 1, "z": 2}}


def test_an_unlisted_name_in_the_whole_state_of_a_branch_stays_inside_of_it() -> None:
    """A mapped destination of the same name as an unmapped branch is written into it."""
    assert merged({"north.report": "south.extra"}, 1, 2) == {"south": {"report": 2, "extra": 1}}


def test_documents_are_copied_as_they_are_written() -> None:
    odd = Raw(b'{"big": 123456789012345678901234567890,  "exp": 1E2}')
    play = Play(
        step("ask", to("north", "north"), to("gate", "desk")),
        step("north", store="report"),
        meet("gate", branches=["north"], branch_mappings={"north.report": "n", "north": "all.n"}),
    )
    play.complete("ask")
    play.complete("north", odd)
    variables = play.state.branches["desk"].variables
    assert bytes(variables["n"]) == bytes(odd)
    assert bytes(odd) in bytes(variables["all"])


# The branch that goes on is a listed one


def rendezvous(mappings: dict[str, str]) -> Play:
    play = Play(
        step("go", to("east", "east"), to("west", "west")),
        step("east", "gate", store="gift"),
        step("west", "gate", store="gift"),
        meet("gate", "swap", branches=["east", "west"], branch_mappings=mappings),
        step("swap"),
    )
    play.complete("go")
    play.complete("east", "silver")
    play.complete("west", "gold")
    return play


def test_a_listed_branch_that_goes_on_applies_its_own_mappings() -> None:
    play = rendezvous({"east.gift": "theirs", "west.gift": "mine"})
    assert play.variables("west") == {"gift": "gold", "theirs": "silver", "mine": "gold"}
    assert play.variables("east") == {"gift": "silver"}


def test_a_listed_branch_that_goes_on_is_not_put_into_itself() -> None:
    play = rendezvous({"east.gift": "theirs"})
    assert play.variables("west") == {"gift": "gold", "theirs": "silver"}
    play = rendezvous({})
    assert play.variables("west") == {"gift": "gold", "east": {"gift": "silver"}}


def test_all_is_read_before_anything_is_written() -> None:
    """A swap needs no third variable."""
    play = rendezvous({"east.gift": "gift", "west.gift": "old"})
    assert play.variables("west") == {"gift": "silver", "old": "gold"}


def test_a_listed_branch_may_map_its_whole_state_into_itself() -> None:
    play = rendezvous({"west": "me", "east.gift": "theirs"})
    assert play.variables("west") == {"gift": "gold", "theirs": "silver", "me": {"gift": "gold"}}


# Who is taken


def test_a_partial_join_takes_only_from_branches_that_have_arrived() -> None:
    mappings = {"a.x": "a", "b.x": "b"}
    play = Play(
        step("go", to("a", "a"), to("b", "b"), to("gate", "c")),
        step("a", store="x"),
        step("b", store="x"),
        meet("gate", branches=["a", "b"], count=1, branch_mappings=mappings),
    )
    play.complete("go")
    play.complete("b", 2)
    assert play.variables("c") == {"b": 2}


def test_without_a_list_every_branch_comes_under_its_name_or_id() -> None:
    play = Play(
        step("go", "a", to("b", "bob"), to("gate", "c")),
        step("a", store="x"),
        step("b", store="x"),
        meet("gate"),
        state={"own": 0},
    )
    play.complete("go")
    play.complete("a", 1)
    play.complete("b", 2)
    assert play.variables("c") == {
        "own": 0,
        "main-1": {"own": 0, "x": 1},
        "bob": {"own": 0, "x": 2},
    }


def test_a_name_used_twice_means_the_latest_branch_without_a_list_too() -> None:
    play = Play(
        step("go", to("a", "a"), to("b", "b")),
        step("a", store="x"),
        step("b", to("go", when="state.again"), to("gate", when="!state.again")),
        meet("gate"),
        state={"again": True},
    )
    play.complete("go")
    play.complete("a", 1)
    play.complete("b")
    play.complete("go")
    play.complete("a", 2)
    play.complete("b", patch={"again": False})
    assert play.variables("b#2") == {"again": False, "a": {"again": True, "x": 2}}


def test_edges_of_a_join_see_the_merged_state() -> None:
    play = rendezvous({"east.gift": "theirs"})
    assert play.visits("west") == ["west", "gate", "swap"]
    play = Play(
        step("go", to("east", "east"), to("gate", "desk")),
        step("east", store="gift"),
        meet(
            "gate",
            to("weigh", when='state.east.gift == "gold"'),
            to("return", when='state.east.gift != "gold"'),
            branches=["east"],
        ),
        step("weigh"),
        step("return"),
    )
    play.complete("go")
    play.complete("east", "gold")
    assert play.visits("desk") == ["gate", "weigh"]
