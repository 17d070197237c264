"""Edges, forks and the ids of branches (semantics 5)."""

from __future__ import annotations

from branchline.engine.events import BranchStarted

from .playing import Play, listen, step, to


def test_a_step_without_edges_ends_its_branch() -> None:
    play = Play(step("bake"))
    play.complete("bake")
    assert play.statuses == {"main": "COMPLETED"}
    assert play.state.status == "COMPLETED"


def test_no_matching_edge_ends_the_branch() -> None:
    play = Play(step("bake", to("sell", when="state.warm")), step("sell"), state={"warm": False})
    play.complete("bake")
    assert play.state.status == "COMPLETED"
    assert play.visits() == ["bake"]


def test_an_unnamed_match_goes_on_in_the_same_branch() -> None:
    play = Play(step("bake", "sell"), step("sell"))
    play.complete("bake")
    assert play.visits() == ["bake", "sell"]
    assert play.statuses == {"main": "RUNNING"}


def test_the_first_step_may_be_any() -> None:
    play = Play(step("sell"), step("bake", "sell"), start_at="bake")
    assert play.visits() == ["bake"]


def test_a_single_named_match_starts_a_branch() -> None:
    play = Play(step("bake", to("sell", "shop")), step("sell"))
    play.complete("bake")
    assert play.statuses == {"main": "COMPLETED", "shop": "RUNNING"}
    assert play.visits("shop") == ["sell"]
    assert play.state.branches["shop"].parent == "main"


def test_an_edge_that_names_its_own_branch_goes_on() -> None:
    play = Play(step("walk", to("walk", "dog", "state.laps < 2")), state={"laps": 0})
    play.complete("walk")
    play.complete("walk", patch={"laps": 1})
    play.complete("walk", patch={"laps": 2})
    assert play.statuses == {"main": "COMPLETED", "dog": "COMPLETED"}
    assert play.visits("dog") == ["walk", "walk"]


def test_every_matching_edge_starts_a_branch_in_edge_order() -> None:
    play = Play(
        step(
            "ring",
            to("chime", when="state.hour > 3"),
            to("rest", when="state.hour > 12"),
            to("echo", "valley"),
            "chime",
        ),
        step("chime"),
        step("rest"),
        step("echo"),
        state={"hour": 6},
    )
    play.complete("ring")
    assert list(play.statuses) == ["main", "main-1", "valley", "main-2"]
    assert [play.visits(branch) for branch in play.statuses] == [
        ["ring"],
        ["chime"],
        ["echo"],
        ["chime"],
    ]


def test_first_takes_only_the_first_match() -> None:
    play = Play(
        step(
            "sort",
            to("small", when="state.size < 3"),
            to("middle", when="state.size < 6"),
            to("large", "attic"),
            edge_matching_strategy="first",
        ),
        *map(step, ("small", "middle", "large")),
        state={"size": 4},
    )
    play.complete("sort")
    assert play.visits() == ["sort", "middle"]
    assert play.statuses == {"main": "RUNNING"}


def test_first_does_not_look_at_the_edges_behind_its_match() -> None:
    play = Play(
        step("sort", "keep", to("keep", when="state.missing"), edge_matching_strategy="first"),
        step("keep"),
    )
    play.complete("sort")
    assert play.visits() == ["sort", "keep"]


def test_unnamed_branches_are_numbered_through_the_execution() -> None:
    """Named branches use up no number."""
    play = Play(
        step("a", "b", to("c", "named"), "b"),
        step("b", "c", "c"),
        step("c"),
    )
    play.complete("a")
    play.complete("b")
    assert list(play.statuses) == ["main", "main-1", "named", "main-2", "main-1-3", "main-1-4"]


def test_a_number_whose_id_is_in_use_is_skipped() -> None:
    play = Play(step("a", to("b", "main-1"), "b", "b"), step("b"))
    play.complete("a")
    assert list(play.statuses) == ["main", "main-1", "main-2", "main-3"]
    assert [event.name for event in play.events(BranchStarted)] == ["main-1", "", ""]


def test_branches_share_nothing_with_their_parent_and_each_other() -> None:
    play = Play(step("a", to("b", "left"), to("c", "right")), step("b"), step("c"), state={"n": 1})
    play.complete("a", patch={"n": 2, "list": [1]})
    play.complete("b", patch={"n": 3}, remove=["list"])
    assert play.variables("main") == {"n": 2, "list": [1]}
    assert play.variables("left") == {"n": 3}
    assert play.variables("right") == {"n": 2, "list": [1]}


def test_a_name_is_used_again_once_its_branch_has_ended() -> None:
    """The new branches are numbered; outputs mean the latest."""
    play = Play(
        step("send", to("drive", "van"), to("idle", "hub")),
        step("drive", store="load"),
        listen("idle", to("send", when="state.round < 3"), topic="again"),
        state={"round": 1},
        outputs=[{"name": "load", "branch": "van"}],
    )
    play.complete("send")
    play.complete("drive", "bread")
    play.signal("again")
    play.complete("send", patch={"round": 2})
    play.complete("drive", "rolls")
    play.signal("again")
    play.complete("send", patch={"round": 3})
    play.complete("drive", "cake")
    play.signal("again")
    assert list(play.statuses) == ["main", "van", "hub", "van#2", "hub#2", "van#3", "hub#3"]
    assert play.state.branches["van#3"].name == "van"
    assert play.outputs == {"load": "cake"}


def test_a_branch_of_a_name_may_start_its_own_successor() -> None:
    """The branch that forks ends before its edges start others."""
    play = Play(
        step("a", to("b", "x", "true"), to("c", "y", "state.more")),
        step("b", "a"),
        step("c"),
        state={"more": False},
    )
    play.complete("a")
    play.complete("b")
    play.complete("a", patch={"more": True})
    assert play.statuses == {
        "main": "COMPLETED",
        "x": "COMPLETED",
        "x#2": "RUNNING",
        "y": "RUNNING",
    }


def test_a_live_name_is_not_started_again() -> None:
    play = Play(
        step("send", to("drive", "van"), to("send", "hub", "state.again")),
        step("drive"),
        state={"again": True},
    )
    play.complete("send")
    play.complete("send", patch={"again": False})
    assert play.error == "duplicate_branch"
    assert play.statuses == {"main": "COMPLETED", "van": "CANCELED", "hub": "FAILED"}
    assert '"van"' in (play.state.error.message if play.state.error else "")
    assert play.state.tasks == {}


def test_a_failing_condition_fails_the_branch_and_no_catch_takes_it() -> None:
    """Conditions belong to the branch, not to the step that has already ended."""
    play = Play(
        step(
            "bake",
            to("sell", when="state.oven > 3"),
            store="loaf",
            catch=[{"error_equals": ["all"], "next": "sell"}],
        ),
        step("sell"),
    )
    play.complete("bake", "rye")
    assert play.error == "expression_error"
    assert play.statuses == {"main": "FAILED"}
    assert play.variables() == {"loaf": "rye"}


def test_conditions_see_inputs_execution_and_branch() -> None:
    play = Play(
        step(
            "a",
            to("b", "x", 'execution.id == "exec_1" && execution.workflow == "bakery"'),
            to("b", when='branch.name == "main" && branch.id == "main" && inputs.n == 1'),
        ),
        step("b", to("c", when='branch.id == "main-1" && branch.name == branch.id')),
        step("c"),
        inputs=[{"name": "n"}],
        given={"n": 1},
    )
    play.complete("a")
    play.complete("b")
    play.complete("b")
    assert play.visits("x") == ["b"]
    assert play.visits("main-1") == ["b", "c"]
