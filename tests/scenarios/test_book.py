"""The book tells runs apart and counts them, whatever happens to workers."""

from __future__ import annotations

from tests.scenarios.actions import runs_of
from tests.scenarios.book import Book


def book(**activities: list[object]) -> Book:
    return Book({name: runs_of(entries) for name, entries in activities.items()})


def test_the_last_entry_stays_for_all_later_runs() -> None:
    kept = book(ring=[{"return": 1}, {"return": 2}])
    actions = [kept.begin(key, "ring", {}).actions for key in "abc"]
    assert actions == [[("return", 1)], [("return", 2)], [("return", 2)]]


def test_another_delivery_belongs_to_the_same_run() -> None:
    kept = book(ring=[{"return": 1}, {"return": 2}])
    first = kept.begin("a", "ring", {"n": 1})
    kept.begin("b", "ring", {"n": 2})
    again = kept.begin("a", "ring", {"n": 1})
    assert again is first
    assert first.deliveries == 2
    assert kept.calls("ring") == 2
    assert kept.parameters("ring") == [{"n": 1}, {"n": 2}]


def test_two_deliveries_of_a_run_are_one_run_at_work() -> None:
    kept = book(ring=[{"return": 1}])
    lost = kept.begin("a", "ring", {})
    kept.begin("a", "ring", {})
    kept.end(lost.number)
    kept.begin("b", "ring", {})
    assert kept.most_at_once["ring"] == 2


def test_runs_that_have_ended_are_not_at_work() -> None:
    kept = book(ring=[{"return": 1}])
    kept.end(kept.begin("a", "ring", {}).number)
    kept.begin("b", "ring", {})
    assert kept.most_at_once["ring"] == 1


def test_the_keys_of_an_entry_are_taken_in_the_order_of_the_format() -> None:
    [actions] = runs_of([{"fail": {}, "sleep": "1ms", "set": {"x": 1}}])
    assert [key for key, _ in actions] == ["sleep", "set", "fail"]


def test_a_list_of_actions_keeps_its_own_order() -> None:
    [actions] = runs_of([[{"set": {"x": 1}}, {"sleep": "1ms"}, {"return": None}]])
    assert [key for key, _ in actions] == ["set", "sleep", "return"]
