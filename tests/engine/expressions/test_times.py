"""Timestamps and durations; as a result they are text (semantics 3.1)."""

from __future__ import annotations

import pytest

from branchline.engine.expressions import ExpressionError, compile_expression

MOMENT = "timestamp('2024-02-29T22:30:15.25Z')"


def value(text: str, /, **scope: object) -> object:
    return compile_expression(text).evaluate(scope)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MOMENT, "2024-02-29T22:30:15.25Z"),
        ("timestamp('2024-05-01t12:30:00+02:00')", "2024-05-01T10:30:00Z"),
        ("timestamp('2024-05-01T12:30:00.000000001-00:30')", "2024-05-01T13:00:00.000000001Z"),
        ("timestamp(-1)", "1969-12-31T23:59:59Z"),
        ("timestamp(timestamp(0))", "1970-01-01T00:00:00Z"),
        ("timestamp('0001-01-01T00:00:00Z')", "0001-01-01T00:00:00Z"),
        ("duration('1h30m')", "5400s"),
        ("duration('-1.5h')", "-5400s"),
        ("duration('+90s')", "90s"),
        ("duration('250ms')", "0.25s"),
        ("duration('1us') + duration('1µs') + duration('1ns')", "0.000002001s"),
        ("duration('1h1h1.5m.5s')", "7290.5s"),
        ("duration('0')", "0s"),
        ("duration('-0')", "0s"),
        (f"{MOMENT} + duration('1h30m')", "2024-03-01T00:00:15.25Z"),
        (f"duration('1h30m') + {MOMENT}", "2024-03-01T00:00:15.25Z"),
        (f"{MOMENT} - duration('15.25s')", "2024-02-29T22:30:00Z"),
        (f"{MOMENT} - timestamp('2024-02-29T22:30:00Z')", "15.25s"),
        ("duration('1s') - duration('3s')", "-2s"),
        (f"{MOMENT} > timestamp(0) && duration('1s') < duration('2s')", True),
        ("timestamp(0) == duration('0')", False),
        (f"string({MOMENT})", "2024-02-29T22:30:15.25Z"),
        ("string(duration('90s'))", "90s"),
        ("[duration('90s')]", ["90s"]),
    ],
)
def test_values(text: str, expected: object) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("getFullYear()", 2024),
        ("getMonth()", 1),
        ("getDate()", 29),
        ("getDayOfMonth()", 28),
        ("getDayOfWeek()", 4),
        ("getDayOfYear()", 59),
        ("getHours()", 22),
        ("getMinutes()", 30),
        ("getSeconds()", 15),
        ("getMilliseconds()", 250),
        ("getHours('UTC')", 22),
        ("getHours('+02:00')", 0),
        ("getDate('02:00')", 1),
        ("getMonth('Europe/Zurich')", 1),
        ("getHours('Europe/Zurich')", 23),
        ("getMinutes('-09:30')", 0),
        ("getMilliseconds('Asia/Kathmandu')", 250),
    ],
)
def test_parts_of_a_timestamp(call: str, expected: int) -> None:
    assert value(f"{MOMENT}.{call}") == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("getHours()", -1),
        ("getMinutes()", -90),
        ("getSeconds()", -5400),
        ("getMilliseconds()", -500),
    ],
)
def test_a_duration_is_counted_in_whole_units(call: str, expected: int) -> None:
    assert value(f"duration('-5400.5s').{call}") == expected
    assert value("duration('1.25s').getMilliseconds()") == 250


@pytest.mark.parametrize(
    "text",
    ["timestamp('2024-02-30T00:00:00Z')", "timestamp('2024-02-01')",
     "timestamp('2024-02-01T00:00:00')",
     "timestamp('2024-02-01T24:00:00Z')", "timestamp('2024-02-01T00:00:00+25:00')",
     "timestamp('2024-02-01T00:00:00+01:60')", "timestamp('')", "timestamp('٢٠٢٤-02-01T00:00:00Z')",
     "timestamp('0001-01-01T00:00:00+01:00')", "timestamp(253402300800)",
     "duration('')", "duration('1')", "duration('h')", "duration('.s')", "duration('1d')",
     "duration('1s ')", "duration('--1s')", "duration('9223372037s')", "duration('-')",
     "timestamp(0) + timestamp(0)", "duration('1s') - timestamp(0)", "duration('1s') * 2",
     "timestamp(0) + 1", "timestamp(0) < duration('1s')", "timestamp(0).getHours('Nowhere/Else')",
     "timestamp(0).getHours('../etc/passwd')", "timestamp(0).getHours('/etc/passwd')",
     "timestamp(0).getHours('+25:00')", "timestamp(0).getHours('+01:60')",
     "timestamp(0).getHours('Europe')", "timestamp(0).getHours('')", "timestamp(0).getHours(1)",
     "timestamp(0).getMilliseconds('Nowhere')", "duration('1s').getHours('UTC')",
     "duration('1s').getMilliseconds('UTC')", "duration('1s').getFullYear()", "'a'.getHours()",
     "'a'.getMilliseconds()", "timestamp(253402300799).getHours('+01:00')",
     "timestamp(-62135596800).getHours('America/New_York')"],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        value(text)
