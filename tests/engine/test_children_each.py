"""Steps that start a child for each of their items (semantics 9, 11.1)."""

from __future__ import annotations

from branchline.engine import Status
from branchline.engine.definition import SECOND

from .family import Parent, catching, retrying, spawn
from .playing import MINUTE, Json, step


def baking(count: int = 3, most: int = 0, **fields: Json) -> Parent:
    """An execution with a child for each of the numbers from 0."""
    each = {"items": list(range(count)), "as": "n", "max_concurrency": most}
    fields = {"store": "all", "inputs": {"number": "${state.n}"}, **fields}
    rescue = [step("rescue")] if "catch" in fields else []
    return Parent(spawn("bake", each=each, **fields), *rescue)


def numbers(play: Parent) -> list[Json]:
    """The children whose results are stored, in their order."""
    return [item["execution_id"] for item in play.variables()["all"]]


def test_results_are_in_the_order_of_the_items() -> None:
    play = baking()
    assert [play.child_inputs(child) for child in play.asked] == [{"number": n} for n in range(3)]
    play.begin()
    for child in (3, 1, 2):
        assert play.state.status is Status.SUSPENDED
        play.close(child)
    assert numbers(play) == ["child_1", "child_2", "child_3"]
    assert "n" not in play.variables()


def test_no_items_need_no_child() -> None:
    play = baking(0)
    assert (play.asked, play.variables()) == ([], {"all": []})


def test_only_so_many_children_are_there_at_once() -> None:
    play = baking(3, most=2)
    assert play.asked == [1, 2]
    play.begin()
    play.close(2)
    assert (play.state.status, play.asked) == (Status.RUNNING, [3])
    play.begin()
    assert play.awaited == ["child_1", "child_3"]
    play.close(1)
    play.close(3)
    assert numbers(play) == ["child_1", "child_2", "child_3"]


def test_children_that_nobody_waits_for_begin_one_after_the_other() -> None:
    play = baking(3, most=1, wait=False)
    for child in (1, 2, 3):
        assert play.asked == [child]
        play.begin()
    assert numbers(play) == ["child_1", "child_2", "child_3"]


def test_an_item_that_fails_for_good_stops_the_others() -> None:
    play = baking(4, most=3)
    play.begin(1, 2)
    play.lose(1)
    assert (play.error, play.stopped, play.asked) == ("burnt", ["child_2"], [])
    assert play.state.children == {}


def test_a_catch_takes_what_an_item_fails_with() -> None:
    play = baking(2, catch=catching("burnt"))
    play.begin()
    play.lose(2)
    assert play.visits() == ["bake", "rescue"]
    assert play.stopped == ["child_1"]
    assert play.close(1) == []


def test_each_item_has_its_own_attempts_and_its_own_time() -> None:
    play = baking(3, retry=retrying(1, 5 * SECOND), timeout=MINUTE)
    play.begin(1, 2)
    play.refuse(3)
    assert play.state.status is Status.RUNNING  # an item is between two attempts
    play.lose(1)
    play.advance()
    assert play.attempts[3:] == [(4, 0, 2), (5, 2, 2)]
    play.begin()
    assert (play.state.status, play.now) == (Status.SUSPENDED, 5 * SECOND)
    play.close(4)
    play.close(5)
    play.advance()
    assert (play.now, play.stopped) == (MINUTE, ["child_2"])
    play.advance()
    assert play.attempts[5:] == [(6, 1, 2)]
    play.begin()
    play.close(6)
    assert numbers(play) == ["child_4", "child_6", "child_5"]


def test_a_begun_item_that_could_not_be_asked_for_fails_the_step_at_once() -> None:
    play = Parent(
        spawn(
            "bake",
            each={"items": [1, 0], "as": "n", "max_concurrency": 1},
            inputs={"n": "${1 / state.n}"},
            retry=retrying(3),
        )
    )
    play.begin()
    play.close()
    assert (play.error, play.asked, play.awaited) == ("expression_error", [], [])
