"""An expression can't harm the server (semantics 3.6)."""

from __future__ import annotations

import contextlib
import inspect
import sys

import pytest

from branchline.engine.expressions import (
    ExpressionError,
    InvalidExpression,
    InvalidTemplate,
    compile_condition,
    compile_expression,
    compile_template,
)

ROW = {
    "row": [0] * 200,
    "big": list(range(100_000)),
    "text": "1" * 1_000_000,
    "times": "1s" * 500_000,
    "wide": {str(n): n for n in range(10_000)},
}


def value(text: str, /, **scope: object) -> object:
    return compile_expression(text).evaluate(scope)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 3000 + "1" + ")" * 3000,
        "(" * 101 + "1" + ")" * 101,
        "[" * 101 + "]" * 101,
        "{1:" * 101 + "1" + "}" * 101,
        "size(" * 101 + "'a'" + ")" * 101,
        "x" + "[0]" * 101,
        "x" + ".trim()" * 101,
        "x" + ".?a" * 101,
        "-(" * 101 + "1" + ")" * 101,
        "true ? (" * 101 + "1" + ") : 2" * 101,
    ],
)
def test_deep_nesting_does_not_compile(text: str) -> None:
    with pytest.raises(InvalidExpression, match="nested deeper than 100"):
        compile_expression(text)
    with pytest.raises(InvalidExpression, match="nested deeper than 100"):
        compile_condition(text)
    with pytest.raises(InvalidTemplate, match="nested deeper than 100"):
        compile_template(f"${{{text}}}")


def test_nesting_up_to_the_bound_works() -> None:
    assert value("(" * 100 + "1" + ")" * 100) == 1
    assert value("[" * 98 + "1" + "]" * 98 + " == 1") is False
    assert value("'" + "(" * 3000 + "'") == "(" * 3000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+".join(["1"] * 2000), 2000),
        ("-".join(["1"] * 2000), -1998),
        ("*".join(["1"] * 2000), 1),
        ("&&".join(["true"] * 1000), True),
        ("||".join(["false"] * 1000), False),
        ("false?1:" * 1000 + "2", 2),
        ("-" * 3000 + "1", 1),
        ("!" * 3001 + "true", False),
    ],
)
def test_long_chains_work(text: str, expected: object) -> None:
    assert value(text, x={}) == expected


def test_a_long_row_of_fields_works() -> None:
    with pytest.raises(ExpressionError, match="no key 'a'"):
        value("x" + ".a" * 4000, x={})


def test_a_long_text_does_not_compile() -> None:
    assert value("'" + "a" * 9_998 + "'") == "a" * 9_998
    with pytest.raises(InvalidExpression, match="longer than 10,000"):
        compile_expression("'" + "a" * 9_999 + "'")
    with pytest.raises(InvalidTemplate, match="longer than 10,000"):
        compile_template("${" + "1 +" * 4000 + "1}")


def test_a_text_around_expressions_may_be_long() -> None:
    text = "a" * 100_000
    assert compile_template(text + "${1}").render({}) == text + "1"


@pytest.mark.parametrize(
    "text",
    [
        "row.all(a, row.all(b, row.all(c, row.all(d, a + b + c + d == 0))))",
        "row.all(a, row.all(b, row.all(c, row.all(d, true))))",
        "row.map(a, row.map(b, row.map(c, c)))",
        "row.exists(a, row.exists(b, row.exists(c, c > 1 || row.exists(d, d > 1))))",
        "row.exists_one(a, row.exists_one(b, row.exists_one(c, c > 1)))",
        "row.filter(a, row.all(b, row.all(c, true)))",
        "row.transformMap(i, v, row.transformList(j, w, row.transformList(k, x, x)))",
        "row.all(a, !(-1 in big))",
        "row.all(a, big == big)",
        "row.all(a, !text.contains('b'))",
        "row.all(a, row.all(b, text <= text))",
        "row.all(a, row.all(b, text == text))",
        "big.all(a, !'x'.matches('((a{10}){9}){9}' + string(a)))",
        "big.all(a, !text.matches('(a|b|ab)*c$'))",
        "row.map(a, '%s'.format([row])).map(t, '%s'.format([row.map(b, t)]))",
    ],
)
def test_a_runaway_evaluation_is_stopped(text: str) -> None:
    with pytest.raises(ExpressionError, match="steps"):
        value(text, **ROW)


@pytest.mark.parametrize(
    "text",
    [
        "double(text)",
        "int(text)",
        "bool(text)",
        "timestamp(text)",
        "duration(text)",
        "duration(times)",
        "timestamp(0).getHours(text)",
        "timestamp(0).getHours('Nowhere/' + string(a + b))",
        "wide[text]",
        "wide[times]",
        "nope" + ".a" * 4000,
        "wide" + ".a" * 4000,
    ],
)
@pytest.mark.timeout(20)
def test_a_huge_text_costs_little_more_than_a_short_one(text: str) -> None:
    """Were its length paid for at every evaluation, this would take minutes."""
    expression = compile_expression(f"row.all(a, row.all(b, {text} == 1 || true))")
    with contextlib.suppress(ExpressionError):  # a long one may use up the steps
        expression.evaluate(ROW)
    with pytest.raises(ExpressionError) as caught:
        value(text, **ROW, a=0, b=0)
    assert len(str(caught.value)) < 10_000


def test_no_operator_recovers_from_the_stop() -> None:
    endless = "row.all(a, row.all(b, row.all(c, true)))"
    with pytest.raises(ExpressionError, match="steps"):
        value(f"{endless} || true", **ROW)
    with pytest.raises(ExpressionError, match="steps"):
        value(f"[1, 2].exists(x, x == 2 || {endless})", **ROW)


@pytest.mark.parametrize(
    "text",
    [
        "'aaaaaaaaaa'" + ".replace('a', 'aaaaaaaaaa')" * 20,
        "[text]" + ".map(x, x + x)" * 20,
        "[big]" + ".map(x, x + x)" * 20,
        "['a']" + ".map(x, [x, x, x, x].join(x))" * 40,
        "['a']" + ".map(x, '%s%s%s'.format([x, x, x]))" * 40,
        "['a']" + ".map(x, strings.quote(x + x))" * 40,
        "[text, text].join(text + text + text + text + text + text + text + text + text)",
        "row.map(x, text.split(''))",
        "row.map(x, text.reverse())",
        "row.map(x, text.upperAscii())",
        "row.map(x, text.substring(1))",
        "row.map(x, '%x'.format([text]))",
        "row.map(x, row.map(y, row.map(z, '%.100f'.format([1e308]))))",
        "row.map(x, row.map(y, [1].transformMapEntry(i, v, wide)))",
    ],
)
def test_memory_is_bounded(text: str) -> None:
    with pytest.raises(ExpressionError, match="steps"):
        value(text, **ROW)


@pytest.mark.parametrize(
    "text", ["row.map(x, text)", "[row.map(x, big), row.map(x, big)]", "row.map(x, {'a': text})"]
)
def test_a_huge_result_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="larger than 10,000,000"):
        value(text, **ROW)


def test_all_expressions_of_a_template_share_the_bounds() -> None:
    template = compile_template(["${text}"] * 11)
    with pytest.raises(ExpressionError, match="larger than 10,000,000"):
        template.render(ROW)
    with pytest.raises(ExpressionError, match="larger than 10,000,000"):
        compile_template("${text}" * 11).render(ROW)
    with pytest.raises(ExpressionError, match="steps"):
        compile_template(["${size(big.filter(x, x > 1))}"] * 11).render(ROW)


def test_usual_work_is_far_from_the_bounds() -> None:
    items = [{"price": n, "count": 2, "open": n % 2 == 0} for n in range(10_000)]
    text = "items.filter(i, i.open && i.price * i.count > 100 && i.price < 5000).size()"
    assert value(text, items=items) == 2474


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [("((a{100}){100}){100}", "repetition"), ("a" * 1001, "longer than 1,000"), ("(", "missing")],
)
def test_a_constant_pattern_that_is_too_much_does_not_compile(pattern: str, reason: str) -> None:
    with pytest.raises(InvalidExpression, match=reason):
        compile_expression(f"x.matches('{pattern}')")
    with pytest.raises(ExpressionError, match=reason):
        value("x.matches(p)", x="a", p=pattern)


def test_a_regular_expression_runs_in_linear_time() -> None:
    text = "a" * 40 + "!"
    assert value("x.matches('^(a+)+$')", x=text) is False
    assert value("x.matches(p)", x=text, p="^(a+)+$") is False


def _deep(levels: int) -> list[object]:
    deep: list[object] = []
    for _ in range(levels):
        deep = [deep]
    return deep


@pytest.mark.parametrize("text", ["x", "x == y", "[x]", "'%s'.format([x])", "x in [y]"])
def test_values_that_are_nested_too_deep_are_errors(text: str) -> None:
    with pytest.raises(ExpressionError, match="deep"):
        value(text, x=_deep(5_000), y=_deep(5_000))


def test_values_of_usual_depth_pass() -> None:
    assert value("x", x=_deep(150)) == _deep(150)


def test_compiling_at_the_end_of_the_stack_is_a_clean_refusal() -> None:
    text = "[" * 90 + "1" + "]" * 90
    limit = sys.getrecursionlimit()
    compile_expression(text)
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        with pytest.raises(InvalidExpression, match="nested"):
            compile_expression(text)
    finally:
        sys.setrecursionlimit(limit)
