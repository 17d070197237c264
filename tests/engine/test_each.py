"""A step once per item (semantics 9)."""

from __future__ import annotations

import pytest

from branchline.engine.definition import SECOND
from branchline.engine.events import ItemsListed, TasksWithdrawn

from .playing import Json, Play, plain, step

HOME: Json = [{"error_equals": ["all"], "next": "home", "store": "why"}]


def over(items: Json, most: int = 0, **fields: Json) -> Play:
    """`bake`, once per item, which leads home; the item is the variable `it`."""
    each = {"items": items, "as": "it", "max_concurrency": most}
    fields.setdefault("parameters", {"it": "${state.it}"})
    state = fields.pop("state", {})
    return Play(
        step("bake", "home", each=each, store="loaves", **fields), step("home"), state=state
    )


def at_work(play: Play) -> list[int | None]:
    """The items that have a pending task."""
    return [task.item for task in play.tasks]


# What it may go over


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (["red", 2, {"k": 1}, [5], None], ["red", 2, {"k": 1}, [5], None]),
        (["a ${state.n}", {"x": ["${state.n}"]}, "${state.list}"], ["a 3", {"x": [3]}, [2, 1]]),
        ("state.list", [2, 1]),
        ("${state.list}", [2, 1]),
        ("[3, 4].map(n, n * 10)", [30, 40]),
        ("state.list.filter(n, n > 1)", [2]),
        (
            {"b": "${state.n}", "a": [1], "B": None},
            [{"key": "B", "value": None}, {"key": "a", "value": [1]}, {"key": "b", "value": 3}],
        ),
        ("state.prices", [{"key": "apple", "value": 1}, {"key": "pear", "value": 2}]),
        ("state", [{"key": "list", "value": [2, 1]}, {"key": "n", "value": 3}]),
        ("42", [42]),
        (42, [42]),
        (False, [False]),
        ('"text"', ["text"]),
        ("a ${state.n}", ["a 3"]),
    ],
)
def test_items_of_every_kind(items: Json, expected: Json) -> None:
    state: Json = {"n": 3, "list": [2, 1]}
    if items == "state.prices":
        state["prices"] = {"pear": 2, "apple": 1}
    play = over(items, state=state)
    assert [plain(task.parameters)["it"] for task in play.tasks] == expected
    assert at_work(play) == list(range(len(expected)))
    [listed] = play.events(ItemsListed)
    assert list(map(plain, listed.items)) == expected


@pytest.mark.parametrize("items", [[], {}, "[]", "null", "{}", "${null}", "state.none"])
def test_nothing_to_go_over_gives_an_empty_list_at_once(items: Json) -> None:
    play = over(items, state={"none": None})
    assert play.visits() == ["bake", "home"]
    assert play.variables()["loaves"] == []


def test_keys_are_sorted_by_code_point() -> None:
    play = over({"é": 0, "z": 0, "Z": 0, "😀": 0, "\uffff": 0})
    keys = [plain(task.parameters)["it"]["key"] for task in play.tasks]
    assert keys == ["Z", "z", "é", "\uffff", "😀"]


def test_items_that_can_not_be_evaluated_fail_the_step() -> None:
    play = over("state.missing", catch=HOME)
    assert play.visits() == ["bake", "home"]
    assert play.variables()["why"]["Error"] == "expression_error"
    assert over(["${1 / 0}"]).error == "expression_error"


# How they run


def test_all_items_run_at_the_same_time_and_results_keep_their_order() -> None:
    play = over(["a", "b", "c"])
    assert at_work(play) == [0, 1, 2]
    for item in (2, 0, 1):
        play.complete("bake", f"done {item}", item=item)
    assert play.variables() == {"loaves": ["done 0", "done 1", "done 2"]}


def test_the_step_ends_with_its_last_item_only() -> None:
    play = over(["a", "b"])
    play.complete("bake", item=1)
    assert play.visits() == ["bake"]
    assert "loaves" not in play.variables()
    play.complete("bake", item=0)
    assert play.visits() == ["bake", "home"]


def test_without_a_store_the_results_are_not_kept() -> None:
    play = Play(step("bake", each={"items": [1, 2]}))
    play.complete("bake", 1)
    play.complete("bake", 2)
    assert play.variables() == {}


def test_no_more_items_are_at_work_than_allowed() -> None:
    play = over([0, 1, 2, 3, 4], most=2)
    seen = [at_work(play)]
    for item in (1, 0, 2, 3, 4):
        play.complete("bake", item, item=item)
        seen.append(at_work(play))
    assert seen[:5] == [[0, 1], [0, 2], [2, 3], [3, 4], [4]]
    assert play.variables()["loaves"] == [0, 1, 2, 3, 4]


def test_a_limit_above_the_number_of_items_does_not_matter() -> None:
    assert at_work(over([0, 1], most=5)) == [0, 1]


def test_an_item_between_two_attempts_counts_as_at_work() -> None:
    play = over([0, 1, 2], most=2, retry=[{}])
    play.fail("bake", item=0)
    assert at_work(play) == [1]
    play.complete("bake", item=1)
    assert at_work(play) == [2]
    play.advance()
    assert at_work(play) == [2, 0]


# The item's variable


def test_the_item_variable_hides_one_of_the_state_and_does_not_stay() -> None:
    play = over(
        ["new"],
        state={"it": "old", "other": 1},
        parameters={
            "plain": "${state.it}",
            "text": "<${state.it}>",
            "all": "${state}",
            "other": "${state.other}",
            "has": "${has(state.it)}",
            "names": "${state.map(name, name).size()}",
            "size": "${size(state)}",
        },
    )
    assert play.parameters("bake") == {
        "plain": "new",
        "text": "<new>",
        "all": {"it": "new", "other": 1},
        "other": 1,
        "has": True,
        "names": 2,
        "size": 2,
    }
    play.complete("bake")
    assert play.variables() == {"it": "old", "other": 1, "loaves": [None]}


def test_without_a_name_there_is_no_item_variable() -> None:
    play = Play(step("bake", each={"items": [7]}, parameters={"all": "${state}"}), state={"x": 1})
    assert play.parameters("bake") == {"all": {"x": 1}}


def test_items_are_fixed_when_the_step_is_entered() -> None:
    play = over("state.list", most=1, state={"list": [1, 2]}, retry=[{}])
    play.complete("bake", patch={"list": []})
    assert play.parameters("bake", item=1) == {"it": 2}
    play.fail("bake")
    play.advance()
    assert play.parameters("bake", item=1) == {"it": 2}


def test_an_error_in_an_items_parameters_fails_the_step_and_withdraws_the_others() -> None:
    play = over([2, 1, 0], parameters={"n": "${6 / state.it}"}, catch=HOME)
    assert play.visits() == ["bake", "home"]
    [withdrawn] = play.events(TasksWithdrawn)
    assert withdrawn.tasks == (1, 2)


def test_an_error_in_a_later_items_parameters_comes_when_it_begins() -> None:
    play = over([1, 0], most=1, parameters={"n": "${6 / state.it}"}, catch=HOME)
    assert play.visits() == ["bake"]
    play.complete("bake")
    assert play.visits() == ["bake", "home"]
    assert "loaves" not in play.variables()


# Patches


def test_patches_are_applied_in_item_order_when_all_are_done() -> None:
    play = over([0, 1, 2], state={"baton": "start"})
    play.complete("bake", item=2, patch={"baton": "c"}, remove=["first"])
    play.complete("bake", item=0, patch={"baton": "a", "first": 1, "second": 1})
    assert play.variables() == {"baton": "start"}
    play.complete("bake", item=1, patch={"baton": "b", "second": 2})
    assert play.variables() == {"baton": "c", "second": 2, "loaves": [None] * 3}


def test_later_items_do_not_see_the_patches_of_earlier_ones() -> None:
    play = over([0, 1], most=1, state={"n": 0}, parameters={"n": "${state.n}"})
    play.complete("bake", patch={"n": 1})
    assert play.parameters("bake") == {"n": 0}


# Errors


def test_every_item_has_its_own_retries() -> None:
    play = over(
        [0, 1],
        retry=[
            {"error_equals": ["busy"], "max_retries": 1, "base_delay": SECOND},
            {"error_equals": ["burnt"], "max_retries": 2, "base_delay": 5 * SECOND},
        ],
    )
    play.fail("bake", "busy", item=0)
    play.fail("bake", "burnt", item=1)
    assert play.advance() == SECOND
    assert [(task.item, task.attempt) for task in play.tasks] == [(0, 2)]
    assert play.advance() == 4 * SECOND
    play.complete("bake", "a", item=0)
    play.fail("bake", "busy", item=1)
    assert play.advance() == 10 * SECOND
    assert play.task("bake", item=1).attempt == 3
    play.complete("bake", "b", item=1)
    assert play.variables()["loaves"] == ["a", "b"]


def test_items_due_at_the_same_time_are_all_tried_again() -> None:
    play = over([0, 1, 2], retry=[{}])
    for item in (0, 1, 2):
        play.fail("bake", item=item)
    play.advance()
    assert sorted(at_work(play), key=str) == [0, 1, 2]


def test_a_failed_item_withdraws_the_others_and_the_catch_takes_its_error() -> None:
    play = over(["a", "b", "c", "d"], most=3, retry=[{"error_equals": ["busy"]}], catch=HOME)
    play.fail("bake", "busy", item=0)
    play.complete("bake", patch={"done": True}, item=1)
    play.fail("bake", "rotten", "mould", item=2)
    [withdrawn] = play.events(TasksWithdrawn)
    assert withdrawn.tasks == (4,)
    assert play.visits() == ["bake", "home"]
    assert play.variables() == {"why": {"Error": "rotten", "Cause": "mould", "Details": None}}
    assert play.state.timers.next_due() is None
    assert [task.activity for task in play.tasks] == ["home"]


def test_a_failed_item_without_a_catch_fails_the_execution() -> None:
    play = over(["a", "b"])
    play.fail("bake", "rotten", item=1)
    assert play.error == "rotten"
    assert play.tasks == []


def test_a_step_with_items_may_be_visited_again() -> None:
    play = Play(
        step(
            "bake",
            {"step": "bake", "condition": "state.list.size() > 0"},
            each={"items": "state.list", "as": "it"},
            parameters={"it": "${state.it}"},
            store="loaves",
        ),
        state={"list": [1, 2]},
    )
    play.complete("bake", "a", patch={"list": [3]})
    play.complete("bake", "b")
    assert play.parameters("bake") == {"it": 3}
    play.complete("bake", "c", patch={"list": []})
    assert play.variables() == {"list": [], "loaves": ["c"]}
    assert play.state.status == "COMPLETED"
