"""The server's clock: what it makes of a database's time (semantics 10.3, 7.3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from branchline.server.clock import SystemClock

START = 1_800_000_000_000_000
HOUR = 3_600_000_000
SECOND = 1_000_000


class Machine:
    """Counts nanoseconds when it is told to."""

    def __init__(self) -> None:
        self.passed = 0

    def __call__(self) -> int:
        return self.passed

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.passed += round(seconds * 1e9)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock(machine: Machine) -> SystemClock:
    clock = SystemClock(machine)
    clock.anchor(START)
    return clock


def beats(clock: SystemClock, machine: Machine, number: int, told: Callable[[], int]) -> list[int]:
    """What the clock shows after each of so many beats, a second from each other."""
    shown = []
    for _ in range(number):
        machine.run(1)
        now = told()
        clock.correct(now, now)
        shown.append(clock.now())
    return shown


def test_it_shows_the_time_that_has_passed_since_it_was_set(
    clock: SystemClock, machine: Machine
) -> None:
    machine.run(7)
    assert clock.now() == START + 7 * SECOND


@pytest.mark.parametrize("off", [-SECOND // 10, SECOND // 10])
def test_a_clock_that_has_drifted_is_right_again_after_a_while(
    clock: SystemClock, machine: Machine, off: int
) -> None:
    beats(clock, machine, 200, lambda: START + machine.passed // 1000 + off)
    assert clock.now() == START + machine.passed // 1000 + off


@pytest.mark.parametrize("off", [-HOUR, HOUR])
def test_a_database_whose_time_jumps_hardly_moves_it(
    clock: SystemClock, machine: Machine, off: int
) -> None:
    """In half an hour it gains less than two seconds, and it never goes back."""
    shown = beats(clock, machine, 1800, lambda: START + machine.passed // 1000 + off)
    assert shown == sorted(shown)
    assert abs(clock.now() - (START + 1800 * SECOND)) < 2 * SECOND


def test_a_time_that_took_long_to_come_is_not_held_against_it(
    clock: SystemClock, machine: Machine
) -> None:
    """It was right at some moment between the question and the answer."""
    machine.run(5)
    assert clock.correct(START + SECOND, START + 5 * SECOND) == 0
    assert clock.now() == START + 5 * SECOND


@pytest.mark.parametrize("off", [-HOUR, HOUR])
def test_it_tells_how_far_it_lags(clock: SystemClock, machine: Machine, off: int) -> None:
    machine.run(1)
    now = START + SECOND + off
    assert clock.correct(now, now) == off


def test_a_single_correction_after_a_long_silence_is_small(
    clock: SystemClock, machine: Machine
) -> None:
    """The database was away for a day: that is no reason for a leap."""
    machine.run(86_400)
    clock.correct(START + 90_000 * SECOND, START + 90_000 * SECOND)
    assert clock.now() <= START + 86_401 * SECOND


def test_it_catches_up_when_others_have_seen_that_it_lags(
    clock: SystemClock, machine: Machine
) -> None:
    machine.run(1)
    clock.catch_up(START + HOUR)
    assert clock.now() == START + HOUR
    clock.catch_up(START)
    assert clock.now() == START + HOUR


def test_time_never_goes_back_when_it_is_set_back(clock: SystemClock, machine: Machine) -> None:
    machine.run(3)
    before = clock.now()
    clock.anchor(START)
    assert clock.now() == before
    machine.run(4)
    assert clock.now() == START + 4 * SECOND
