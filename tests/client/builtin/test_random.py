from __future__ import annotations

import re
import uuid

import pytest

from branchline.client.errors import ActivityError
from tests.client.builtin.calling import run


def test_a_uuid_is_of_version_4() -> None:
    for seed in (None, 7):
        assert uuid.UUID(run("random", type="uuid", seed=seed)).version == 4


def test_every_number_from_min_to_max_comes_up() -> None:
    numbers = run("random", type="number", min=5, max=7, seed=1, count=200)
    assert set(numbers) == {5, 6, 7}
    assert all(type(number) is int for number in numbers)


def test_numbers_go_from_0_to_100_when_nothing_is_said() -> None:
    numbers = run("random", type="number", seed=1, count=5000)
    assert (min(numbers), max(numbers)) == (0, 100)


def test_large_integers_are_exact() -> None:
    big = 2**80 + 1
    assert run("random", type="number", min=big, max=big) == big


def test_floats_lie_between_min_and_max() -> None:
    assert all(-2 <= n <= 3 for n in run("random", type="float", min=-2, max=3, count=100))
    assert all(0 <= n <= 1 for n in run("random", type="float", count=100))


@pytest.mark.parametrize(
    ("parameters", "pattern"),
    [
        ({"type": "string", "length": 5, "charset": "ab"}, "[ab]{5}"),
        ({"type": "string"}, "[a-zA-Z]{16}"),
        ({"type": "alphanumeric", "length": 40}, "[a-zA-Z0-9]{40}"),
        ({"type": "hex", "length": 6}, "[0-9a-f]{6}"),
        ({"type": "hex", "length": 0}, ""),
    ],
)
def test_texts_are_of_their_characters(parameters: dict[str, object], pattern: str) -> None:
    assert re.fullmatch(pattern, run("random", **parameters))


def test_choices_and_booleans_take_every_value() -> None:
    chosen = run("random", type="choice", choices=[1, "a", None], seed=1, count=50)
    assert {repr(value) for value in chosen} == {"1", "'a'", "None"}
    assert set(run("random", type="boolean", seed=1, count=50)) == {True, False}


def test_a_count_gives_a_list() -> None:
    assert run("random", type="choice", choices=["only"], count=3) == ["only"] * 3
    assert run("random", type="choice", choices=["only"], count=1) == ["only"]
    assert run("random", type="uuid", count=0) == []


@pytest.mark.parametrize("seed", [7, "seven"])
@pytest.mark.parametrize("kind", ["uuid", "number", "float", "string", "hex"])
def test_the_same_seed_gives_the_same_values(kind: str, seed: object) -> None:
    first = run("random", type=kind, seed=seed, count=5)
    assert first == run("random", type=kind, seed=seed, count=5)
    assert first != run("random", type=kind, seed=8, count=5)


def test_without_a_seed_values_differ() -> None:
    assert run("random", type="uuid") != run("random", type="uuid")


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"type": "number", "min": 2, "max": 1}, "min must not be above max"),
        ({"type": "number", "min": 1.5}, "min and max must be whole numbers"),
        ({"type": "float", "min": 2}, "min must not be above max"),
        ({"type": "hex", "length": -1}, "length must be from 0 to 100000"),
        ({"type": "string", "charset": ""}, "charset must not be empty"),
        ({"type": "choice"}, "choices must not be empty"),
        ({"type": "uuid", "count": -1}, "count must be from 0, for 100000 in all"),
        ({"type": "hex", "length": 1000, "count": 1000}, "for 100000 in all"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters: dict[str, object], problem: str) -> None:
    with pytest.raises(ActivityError, match=problem):
        run("random", **parameters)
