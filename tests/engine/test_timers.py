"""The pending due times of an execution."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from branchline.engine.timers import Timers

KEYS = st.sampled_from("abcdef")
TIMES = st.integers(0, 20)


def test_a_key_has_one_due_time_the_last_that_was_set() -> None:
    timers = Timers()
    timers.start("a", 5)
    timers.start("a", 9)
    assert timers.next_due() == 9
    assert timers.expired(8) == []
    assert timers.expired(9) == ["a"]


def test_without_keys_nothing_is_due() -> None:
    timers = Timers()
    timers.stop("a")
    assert timers.next_due() is None
    assert timers.expired(100) == []
    assert not timers.is_due("a", 100)


@given(st.lists(st.tuples(KEYS, st.none() | TIMES), max_size=200), TIMES)
def test_what_is_due_comes_in_the_order_of_time(
    changes: list[tuple[str, int | None]], now: int
) -> None:
    """The same as a plain dictionary that is searched each time."""
    timers = Timers()
    expected: dict[str, int] = {}
    for key, due in changes:
        if due is None:
            timers.stop(key)
            expected.pop(key, None)
        else:
            timers.start(key, due)
            expected[key] = due
        assert timers.next_due() == min(expected.values(), default=None)
    in_order = sorted((due, key) for key, due in expected.items() if due <= now)
    assert timers.expired(now) == [key for _, key in in_order]
    assert {key for key in "abcdef" if timers.is_due(key, now)} == {key for _, key in in_order}


def test_what_was_stopped_behind_an_early_timer_takes_no_room() -> None:
    """An execution with a deadline may wait and wait again for years."""
    timers = Timers()
    timers.start("deadline", 1)
    for time in range(10_000):
        timers.start("wait", 1_000_000 + time)
    assert len(timers.heap) < 100
    assert timers.next_due() == 1
