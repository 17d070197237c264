from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from branchline.client.definitions.durations import format_duration, parse_duration

LONGEST = 315_576_000_000 * 10**9
MILLION = 1_000_000


@pytest.mark.parametrize(
    ("text", "seconds", "nanos"),
    [
        ("90s", 90, 0),
        ("1h30m", 5400, 0),
        ("250ms", 0, 250 * MILLION),
        ("1.5h", 5400, 0),
        (".5s", 0, 500 * MILLION),
        ("-5s", -5, 0),
        ("-1.25s", -1, -250 * MILLION),
        ("+2m", 120, 0),
        ("0s", 0, 0),
        ("7us", 0, 7000),
        ("7\u00b5s", 0, 7000),
        ("7\u03bcs", 0, 7000),
        ("3ns", 0, 3),
        ("0.000000001s", 0, 1),
    ],
)
def test_what_durations_mean(text: str, seconds: int, nanos: int) -> None:
    assert parse_duration(text) == Duration(seconds=seconds, nanos=nanos)


@pytest.mark.parametrize("text", ["", "5", "0", "s", "1d", "1h 30m", "1s\n", "--1s", "1e3s", "٣s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="write it like 90s, 1h30m or 250ms"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0.5ns", "finer than a nanosecond"),
        ("315576000001s", "longer than 10000 years"),
        ("9" * 31 + "s", "more than 30 digits"),
    ],
)
def test_durations_that_cannot_be_kept(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "compact"),
    [("90s", "1m30s"), ("1.5h", "1h30m"), ("0.25s", "250ms"), ("-90m", "-1h30m"), ("0h", "0s")],
)
def test_durations_are_written_compactly(text: str, compact: str) -> None:
    assert format_duration(parse_duration(text)) == compact


@given(st.integers(-LONGEST, LONGEST))
def test_what_is_written_reads_back(nanoseconds: int) -> None:
    duration = Duration()
    duration.FromNanoseconds(nanoseconds)
    assert parse_duration(format_duration(duration)) == duration
