"""Whatever the text and the scope are, nothing but the documented errors comes out (3.6)."""

from __future__ import annotations

import contextlib
import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from branchline.engine.expressions import (
    ExpressionError,
    InvalidExpression,
    InvalidTemplate,
    compile_condition,
    compile_expression,
    compile_template,
    template_problems,
)

_WORD_LIST = """
state inputs x y in true false null has all exists map filter size matches string int double
optional or orValue format split join replace timestamp duration getHours 1 0 -1 1.5 'a' "b"
r'\\' ''' ( ) [ ] { } . , ? : + - * / % ! == != < <= > >= && || .? ${ $${ } // `
9223372036854775807
"""
_WORDS = _WORD_LIST.split()

_TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(_WORDS), max_size=14).map(" ".join),
    st.lists(st.sampled_from(_WORDS), max_size=14).map("".join),
)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
_METHOD_LIST = """
x.map(v, {0}) | x.all(v, {0} == v) | x.filter(v, v == {0}) | x + {0} | {0} - x | x * x | x / {0}
x < {0} | x == {0} | x in {0} | x[{0}] | x[?{0}].orValue({0}) | x.?a.b | has(x.a) | size(x)
{0} % x | string(x) | int(x) | double(x) | bool(x) | type(x) | x.contains({0}) | x.split({0})
x.join({0}) | x.format([{0}]) | '%s %d'.format([x, {0}]) | x.replace({0}, {0})
x.substring({0}) | x.indexOf({0}) | x.charAt({0}) | timestamp(x) | duration(x) | x.getHours({0})
[x, {0}] | {{'k': x, {0}: 1}} | !x | -x | x ? {0} : x | x && {0} | x.matches({0})
matches({0}, x) | strings.quote(x) | x.reverse() | x.trim() | optional.of(x).optMap(v, v)
x.transformMap(k, v, {0}) | x.transformMapEntry(k, v, {{v: k}}) | x.exists_one(v, v == {0})
optional.ofNonZeroValue(x).orValue({0}) | x.first().orValue(1)
"""
_METHODS = [form for line in _METHOD_LIST.strip().splitlines() for form in line.split(" | ")]


@settings(max_examples=600)
@given(_TEXTS)
@example('"""' * 50)
@example("${" * 50)
@example("\x00")
@example("'\ud800'")
def test_any_text_compiles_or_is_refused(text: str) -> None:
    scope = {"state": {"a": 1}, "inputs": {}, "x": [1, "a"], "y": {"a": 2.5}}
    with contextlib.suppress(InvalidExpression, ExpressionError):
        compile_expression(text).evaluate(scope)
    with contextlib.suppress(InvalidExpression, ExpressionError):
        compile_condition(text).holds(scope)
    with contextlib.suppress(InvalidTemplate, ExpressionError):
        compile_template(text).render(scope)
    with contextlib.suppress(InvalidTemplate, ExpressionError):
        compile_template("a ${" + text + "} b").render(scope)


@settings(max_examples=600)
@given(st.sampled_from(_METHODS), _JSON, _JSON)
def test_any_value_gives_json_or_an_error(method: str, x: object, y: object) -> None:
    text = method.format("y")
    with contextlib.suppress(ExpressionError):
        result = compile_expression(text).evaluate({"x": x, "y": y})
        json.dumps(result, allow_nan=False)
    with contextlib.suppress(ExpressionError):
        assert isinstance(compile_condition(text).holds({"x": x, "y": y}), bool)


@given(_JSON)
def test_any_document_is_a_template_or_has_problems(document: object) -> None:
    problems = template_problems(document)  # type: ignore[arg-type]  # hypothesis gives object
    if not problems:
        compile_template(document)  # type: ignore[arg-type]


@given(_JSON)
def test_a_value_passes_unchanged(value: object) -> None:
    assert compile_expression("x").evaluate({"x": value}) is value
    assert compile_template(" ${x} ").render({"x": value}) is value


@given(_JSON)
def test_the_text_of_a_value_is_its_json(value: object) -> None:
    text = compile_template("<${[x]}>").render({"x": value})
    assert isinstance(text, str)
    assert json.loads(text[1:-1]) == [value]
