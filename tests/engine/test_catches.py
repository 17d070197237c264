"""Where errors lead that are not tried again (semantics 8.4)."""

from __future__ import annotations

from branchline.engine.events import StepFailed

from .playing import Json, Play, step, to


def catching(*handlers: Json, **fields: Json) -> Play:
    return Play(
        step("bake", "sell", catch=handlers, **fields),
        step("sell", to("home", when="false"), to("pub", when="false")),
        step("home"),
        step("pub"),
        state={"flour": 1},
    )


def test_a_catch_sends_the_branch_elsewhere_with_the_error() -> None:
    play = catching({"error_equals": ["all"], "next": "home", "store": "why"})
    play.fail("bake", "burnt", "  too hot\n", details={"by": [3]})
    assert play.visits() == ["bake", "home"]
    assert play.variables() == {
        "flour": 1,
        "why": {"Error": "burnt", "Cause": "  too hot\n", "Details": {"by": [3]}},
    }
    [failed] = play.events(StepFailed)
    assert failed.caught_by == "home"


def test_details_are_null_when_there_are_none() -> None:
    play = catching({"error_equals": ["all"], "next": "home", "store": "why"})
    play.fail("bake", "burnt")
    assert play.variables()["why"] == {"Error": "burnt", "Cause": "", "Details": None}


def test_a_catch_without_a_store_keeps_nothing() -> None:
    play = catching({"error_equals": ["all"], "next": "home"}, store="loaf")
    play.fail("bake", "burnt")
    assert play.visits() == ["bake", "home"]
    assert play.variables() == {"flour": 1}


def test_the_first_handler_that_takes_the_error_is_used() -> None:
    play = catching(
        {"error_equals": ["cold"], "next": "sell"},
        {"error_equals": ["activity_failed"], "next": "home"},
        {"error_equals": ["burnt"], "next": "pub"},
    )
    play.fail("bake", "burnt")
    assert play.visits() == ["bake", "home"]


def test_an_error_that_no_handler_takes_fails_the_branch() -> None:
    play = catching({"error_equals": ["cold"], "next": "home"})
    play.fail("bake", "burnt")
    assert play.error == "burnt"
    assert play.visits() == ["bake"]


def test_retries_come_first() -> None:
    play = catching(
        {"error_equals": ["all"], "next": "home", "store": "why"}, retry=[{"max_retries": 1}]
    )
    play.fail("bake", "first")
    assert play.visits() == ["bake"]
    play.advance()
    play.fail("bake", "second")
    assert play.visits() == ["bake", "home"]
    assert play.variables()["why"]["Error"] == "second"


def test_a_caught_error_fails_neither_branch_nor_execution() -> None:
    play = catching({"error_equals": ["all"], "next": "home"})
    play.fail("bake")
    play.complete("home")
    assert play.state.status == "COMPLETED"
    assert play.state.error is None


def test_a_catch_may_lead_back_to_the_step_with_fresh_retries() -> None:
    play = catching({"error_equals": ["all"], "next": "bake"}, retry=[{"max_retries": 1}])
    for _ in range(2):
        assert play.task("bake").attempt == 1
        play.fail("bake")
        play.advance()
        assert play.task("bake").attempt == 2
        play.fail("bake")
    assert play.visits() == ["bake"] * 3
