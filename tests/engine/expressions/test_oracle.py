"""Generated expressions have the value that Google's implementation of CEL gives.

The expressions keep to the ground on which both should agree: no depth, no nulls (the oracle counts
their references wrongly), no mixed arithmetic (an error there), no big integers compared with
fractions (rounded there), no end of a `substring` (refused there when it is the end of the text),
no blanks around the digits of `int` (skipped there).
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from branchline.engine.expressions import ExpressionError, InvalidExpression, compile_expression

Text = SearchStrategy[str]

_INTEGERS = st.one_of(
    st.integers(-12, 12), st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1, 10**10, -(2**31)])
)
_FRACTIONS = st.one_of(
    st.sampled_from([0.0, -0.0, 0.1, 1e-7, 1e21, 1234567.5, 1e308, 2.0**53]),
    st.integers(-80, 80).map(lambda n: n / 8),
)
_STRINGS = st.text(st.sampled_from("abAB ,1zë😀\t\\'\"{}"), max_size=6)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _join(template: str, *parts: Text) -> Text:
    return st.tuples(*parts).map(lambda texts: template.format(*texts))


def _level(below: dict[str, Text]) -> dict[str, Text]:
    """Make expressions, by type, of expressions of the level below."""
    i, f, b, s, items = (below[kind] for kind in ("int", "double", "bool", "string", "list"))
    arithmetic = st.sampled_from("+-*/")
    comparison = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    test = st.one_of(_join("n {} {}", comparison, i), _join("({} / n) {} {}", i, comparison, i), b)
    return {
        "int": st.one_of(
            i,
            _join("({} {} {})", i, st.sampled_from("+-*/%"), i),
            _join("(-{})", i),
            _join("size({})", st.one_of(s, items)),
            _join("{}.indexOf({})", s, s),
            _join("{}.lastIndexOf({}, {})", s, s, i),
            _join("{}[{}]", items, i),
            _join("int({})", f),
            _join("int(string({}))", i),
            _join("({} ? {} : {})", b, i, i),
            _join("{{'a': {}, 'b': {}}}.{}", i, i, st.sampled_from("ab")),
        ),
        "double": st.one_of(
            f,
            _join("({} {} {})", f, arithmetic, f),
            _join("(-{})", f),
            _join("double({})", i),
            _join("({} ? {} : {})", b, f, f),
        ),
        "bool": st.one_of(
            b,
            *(_join("({} {} {})", kind, comparison, kind) for kind in (i, f, s, b)),
            _join("({} {} {})", st.integers(-9, 9).map(str), comparison, f),
            _join("({} && {})", b, b),
            _join("({} || {})", b, b),
            _join("!({})", b),
            _join("({} in {})", i, items),
            _join("({} == {})", items, items),
            _join("({} == {})", i, s),
            _join("{}.{}({})", s, st.sampled_from(["contains", "startsWith", "endsWith"]), s),
            _join(
                "{}.{}(n, {})", items, st.sampled_from(["all", "exists", "exists_one"]), test
            ),
        ),
        "string": st.one_of(
            s,
            _join("({} + {})", s, s),
            _join("{}.charAt({})", s, i),
            _join("{}.substring({})", s, i),
            _join("{}.replace({}, {})", s, s, s),
            _join("{}.replace({}, {}, {})", s, s, s, i),
            _join("{}.{}()", s, st.sampled_from(["lowerAscii", "upperAscii", "trim", "reverse"])),
            _join("{}.split({}, {}).join({})", s, s, i, s),
            _join("strings.quote({})", s),
            _join("string({})", st.one_of(i, _FRACTIONS.map(repr), b)),
            _join("'%d|%s|%x'.format([{}, {}, {}])", i, s, i),
            _join("({} ? {} : {})", b, s, s),
        ),
        "list": st.one_of(
            items,
            _join("[{}, {}]", i, i),
            _join("({} + {})", items, items),
            _join("{}.map(n, {})", items, _join("(n {} {})", st.sampled_from("+-*/%"), i)),
            _join("{}.filter(n, {})", items, test),
            _join("{}.map(n, {}, n * 2)", items, test),
        ),
    }  # fmt: skip


_LEAVES: dict[str, Text] = {
    "int": _INTEGERS.map(lambda n: f"({n})"),
    "double": _FRACTIONS.map(lambda f: f"({f!r})"),
    "bool": st.sampled_from(["true", "false"]),
    "string": _STRINGS.map(_quoted),
    "list": st.lists(_INTEGERS, max_size=4).map(json.dumps),
}
_LEVELS = _level(_level(_LEAVES))
EXPRESSIONS = st.one_of(*_LEVELS.values())


class Oracle:
    """The other implementation, in its process."""

    def __init__(self, requests: IO[str], answers: IO[str]) -> None:
        self._requests = requests
        self._answers = answers

    def evaluate(self, text: str) -> list[object]:
        """Give the value in a list, or an empty list for an error."""
        self._requests.write(json.dumps(text) + "\n")
        self._requests.flush()
        line = self._answers.readline()
        assert line, f"the oracle has ended on {text!r}"
        answer: list[object] = json.loads(line)
        return answer if _is_json(answer) else []


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    program = Path(__file__).with_name("oracle.py")
    with subprocess.Popen(
        [sys.executable, str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Oracle(process.stdin, process.stdout)
        process.stdin.close()


def _is_json(value: object) -> bool:
    """Tell whether JSON can write a value: the oracle gives NaN and infinities too."""
    if isinstance(value, list):
        return all(map(_is_json, value))
    return not isinstance(value, float) or math.isfinite(value)


def _ours(text: str) -> list[object]:
    try:
        return [compile_expression(text).evaluate({})]
    except (InvalidExpression, ExpressionError):
        return []


@settings(max_examples=400)
@given(EXPRESSIONS)
@example("'a,b'.split(',', -9)")
@example("-9223372036854775808 / -1")
@example("-9223372036854775808 % -1")
def test_the_value_is_the_same(oracle: Oracle, text: str) -> None:
    """The same value of the same type, or an error on both sides."""
    assert repr(_ours(text)) == repr(oracle.evaluate(text))
