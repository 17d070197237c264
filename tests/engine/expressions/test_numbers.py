"""Numbers: integers and fractions mix, integers are exact, results are JSON (semantics 3.2)."""

from __future__ import annotations

import math

import pytest

from branchline.engine.expressions import (
    ExpressionError,
    InvalidExpression,
    compile_condition,
    compile_expression,
    compile_template,
)

BIG = 2**63


def value(text: str, /, **scope: object) -> object:
    return compile_expression(text).evaluate(scope)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 1.5", 2.5),
        ("1.5 + 1", 2.5),
        ("10 - 0.5", 9.5),
        ("2.25 * 2", 4.5),
        ("7.0 / 2", 3.5),
        ("7 / 2.0", 3.5),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("7 / -2", -3),
        ("-7 / -2", 3),
        ("7 % 3", 1),
        ("-7 % 3", -1),
        ("7 % -3", 1),
        ("7.0 % 3", 1.0),
        ("-7 % 3.0", -1.0),
        ("1.5 * 2", 3.0),
        ("-(1.5)", -1.5),
        ("-x", -4),
    ],
)
def test_arithmetic_mixes_integers_and_fractions(text: str, expected: float) -> None:
    actual = value(text, x=4)
    assert (actual, type(actual)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 == 1.0", True),
        ("1 != 1.0", False),
        ("x > 10", True),
        ("3 < 3.5", True),
        ("3.5 <= 3", False),
        ("4 >= 4.0", True),
        ("9007199254740993 > 9007199254740992.0", True),
        ("9007199254740993 == 9007199254740992.0", False),
        ("9223372036854775807 < 9223372036854775808.0", True),
        ("1.0 in [1]", True),
        ("[1, {'a': 2}] == [1.0, {'a': 2.0}]", True),
        ("true == 1", False),
        ("false in [0]", False),
    ],
)
def test_comparison_is_exact_across_both_forms(text: str, *, expected: bool) -> None:
    assert value(text, x=10.5) is expected


@pytest.mark.parametrize(
    "text",
    [
        "9223372036854775807 + 1",
        "-9223372036854775808 - 1",
        "4611686018427387904 * 2",
        "-9223372036854775808 / -1",
        "-9223372036854775808 % -1",
        "-(-9223372036854775808)",
        "-(-(-9223372036854775808))",
        "-x",
        "x + -1 * 9223372036854775807 - 2",
    ],
)
def test_integer_overflow_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError, match="overflow"):
        value(text, x=-BIG)


@pytest.mark.parametrize("text", ["1 / 0", "1 % 0", "1.0 % 0.0", "1 % 0.0"])
def test_division_of_integers_by_zero_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError, match="by zero"):
        value(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.0 / 0.0 > 1e308", True),
        ("-1.0 / 0.0 < -1e308", True),
        ("1 / -0.0 < 0", True),
        ("0.0 / 0.0 == 0.0 / 0.0", False),
        ("0.0 / 0.0 != 0.0 / 0.0", True),
        ("(0.0 / 0.0) / 0.0 == 1.0", False),
        ("1e308 * 10.0 == 1.0 / 0.0", True),
    ],
)
def test_fractions_follow_ieee_754_inside(text: str, *, expected: bool) -> None:
    assert value(text) is expected


@pytest.mark.parametrize(
    "text", ["1.0 / 0.0", "0.0 / 0.0", "[1, 0.0 / 0.0]", "{'a': [-1.0 / 0.0]}", "1e308 * 10.0"]
)
def test_a_result_that_json_cannot_write_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError, match="JSON"):
        value(text)
    with pytest.raises(ExpressionError, match="JSON"):
        compile_template(f"is ${{{text}}}").render({})


@pytest.mark.parametrize("text", ["1.0 / 0.0", "x"])
def test_a_condition_must_be_writable_too(text: str) -> None:
    with pytest.raises(ExpressionError, match="JSON"):
        compile_condition(text).holds({"x": math.nan})


@pytest.mark.parametrize("big", [BIG, -BIG - 1, 10**30])
def test_an_integer_beyond_64_bits_passes_through(big: int) -> None:
    assert value("x", x=big) == big
    assert value("state.x", state={"x": big}) == big
    assert value("[x, true ? x : 0]", x=big) == [big, big]
    assert compile_template("${x}").render({"x": big}) == big
    assert compile_template("no ${x}").render({"x": big}) == f"no {big}"
    assert compile_condition("x").holds({"x": big})


@pytest.mark.parametrize(
    "text",
    ["x + 1", "1 - x", "-x", "x < 1", "x == x", "1 == x", "string(x)", "x in [1]", "[x] == [x]",
     "double(x)", "int(x)", "[1][x]", "'%d'.format([x])", "timestamp(x)", "{'a': 1}[x]"],
)  # fmt: skip
def test_computing_with_an_integer_beyond_64_bits_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError, match="64 bits"):
        value(text, x=BIG)


@pytest.mark.parametrize(
    "text", ["9223372036854775808", "-9223372036854775809", "0xffffffffffffffffff", "9" * 5000]
)
def test_a_literal_beyond_64_bits_does_not_compile(text: str) -> None:
    with pytest.raises(InvalidExpression, match="64 bits"):
        compile_expression(text)


def test_the_ends_of_the_range_are_literals() -> None:
    assert value("[9223372036854775807, -9223372036854775808, 0x7fff]") == [BIG - 1, -BIG, 0x7FFF]


def test_a_fraction_that_is_too_big_does_not_compile() -> None:
    with pytest.raises(InvalidExpression, match="too big"):
        compile_expression("1e999")


@pytest.mark.parametrize(
    "text", ["true + true", "-true", "!1", "1 < true", "1 + '1'", "'a' - 'b'", "[1] * 2", "[1] / 2",
             "1.5 % 1.0", "'a' % 2", "null + 1", "{} + {}", "[1] + 1", "[1] < [2]", "null < null"],
)  # fmt: skip
def test_operators_refuse_what_they_are_not_made_for(text: str) -> None:
    with pytest.raises(ExpressionError):
        value(text)
