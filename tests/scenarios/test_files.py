"""Scenario files are read as they are written, and what is wrong with them is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from branchline.client.definitions.yaml_reader import read_yaml
from tests.scenarios.compare import same, same_in_any_order
from tests.scenarios.durations import seconds
from tests.scenarios.files import UnreadableScenario, find, read

HEAD = "name: tea\nworkflow: {name: tea, steps: [{name: boil, activity: boil}]}\n"


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("y", "y"),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("012", "012"),
        ("true", True),
        ("~", None),
        ("", None),
        ("9007199254740993", 9007199254740993),
        ("-5", -5),
        ("3.0", 3.0),
        ("1e3", 1000.0),
        ("'5'", "5"),
    ],
)
def test_an_unquoted_word_means_what_it_means_in_a_definition(word: str, value: object) -> None:
    assert same(read_yaml(f"k: {word}").plain, {"k": value})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + "expect: {status: COMPLETED, colour: red}", "colour"),
        (HEAD + "expect: {}\ndo: [{cancel: {}, delete: {}}]", "one action"),
        (HEAD + "expect: {}\ndo: [{cancel: {}, refused: NEVER}]", "NEVER"),
        (HEAD + "expect: {}\ndo: [{when: {after: soon}}]", "soon"),
        (HEAD + "expect: {}\nactivities: {boil: [{explode: true}]}", "explode"),
        (HEAD + "expect: {}\nabout: 1", "about"),
        (HEAD + "expect: {status: FAILED, status: COMPLETED}", "twice"),
        (HEAD + "expect: {", "flow node"),
        (HEAD.replace("name: tea\n", "name: coffee\n") + "expect: {}", "coffee"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "tea.yaml"
    path.write_text(text)
    with pytest.raises(UnreadableScenario, match=told):
        read(path)


def test_files_are_found_by_their_names(tmp_path: Path) -> None:
    for name in ("b-two.yaml", "a-one.yaml", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in find(tmp_path)] == ["a-one.yaml", "b-two.yaml"]
    assert [path.name for path in find(tmp_path, "b*")] == ["b-two.yaml"]


@pytest.mark.parametrize(
    ("text", "value"), [("250ms", 0.25), ("1h30m", 5400.0), ("1.5s", 1.5), ("90s", 90.0)]
)
def test_durations_are_seconds(text: str, value: float) -> None:
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [(3, 3.0), (1, True), (0, None), ([1, 2], [2, 1]), ({"a": 1}, {"a": 1, "b": None})],
)
def test_values_of_other_types_or_orders_are_not_the_same(one: object, other: object) -> None:
    assert same(one, one)
    assert not same(one, other)


def test_in_any_order_each_value_counts_as_often_as_it_is_there() -> None:
    assert same_in_any_order([1, {"a": 2}, 1], [{"a": 2}, 1, 1])
    assert not same_in_any_order([1, 1, 2], [1, 2, 2])
    assert not same_in_any_order([1], [1.0])
