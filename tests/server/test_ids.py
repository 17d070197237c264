"""Keys and ids ascend with the time of the start (semantics 4.3)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from branchline.server.ids import KeyMaker, end_key, execution_id, first_key
from tests.server.clocks import START


def test_keys_ascend_within_a_millisecond_and_when_the_clock_goes_back() -> None:
    maker = KeyMaker()
    times = [START] * 1_000 + [START - 10**9] * 1_000 + [START + 10**6]
    keys = [maker.make(time) for time in times]
    assert keys == sorted(set(keys))


def test_keys_fit_the_database_until_the_end_of_their_time() -> None:
    assert 0 < KeyMaker().make(START) < 2**63
    year_2094 = 3_900_000_000_000_000
    assert KeyMaker().make(year_2094) < 2**63


def test_two_makers_hardly_ever_make_the_same_key() -> None:
    first, second = ({KeyMaker().make(START) for _ in range(20)} for _ in range(2))
    assert not first & second


@given(st.lists(st.integers(0, 2**63 - 1), min_size=2, unique=True))
def test_ids_sort_as_their_keys(keys: list[int]) -> None:
    ids = [execution_id(key) for key in sorted(keys)]
    assert ids == sorted(ids)


def test_ids_of_one_key_differ_and_are_short() -> None:
    ids = {execution_id(7) for _ in range(100)}
    assert len(ids) == 100
    assert all(len(item) == len("exec_") + 19 for item in ids)


@given(st.integers(0, 3_900_000_000_000_000), st.integers(0, 3_900_000_000_000_000))
def test_keys_bound_the_executions_of_a_time(start: int, time: int) -> None:
    key = KeyMaker().make(start)
    assert key >= first_key(time) or start < time
    assert key < end_key(time) or start >= time


def test_the_bounds_of_a_time_are_close() -> None:
    """Whatever starts a millisecond earlier, or later, is outside."""
    assert KeyMaker().make(START - 1_000) < first_key(START)
    assert KeyMaker().make(START + 1_000) >= end_key(START)


def test_the_bounds_of_any_time_fit_the_database() -> None:
    assert -(2**63) <= first_key(0) < first_key(2**62) < 2**63
    assert end_key(2**62 - 1) < 2**63
