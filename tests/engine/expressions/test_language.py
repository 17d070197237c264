"""Literals, operators, macros and what does not parse (semantics 3.1)."""

from __future__ import annotations

import pytest

from branchline.engine.expressions import ExpressionError, InvalidExpression, compile_expression


def value(text: str, /, **scope: object) -> object:
    return compile_expression(text).evaluate(scope)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0x1F", 31),
        (".5", 0.5),
        ("1e2", 100.0),
        ("[1, 2, ]", [1, 2]),
        ("{'a': 1, }", {"a": 1}),
        ("[[], {}, [,], {,}]", [[], {}, [], {}]),
        ("1 + // one\n 2 // two", 3),
        ("\f\t\r\n 1", 1),
        ("r'\\n'", "\\n"),
        ("'\\x41\\u00e9\\U0001F600\\101\\?\\`'", "Aé😀A?`"),
        ("''''''", ""),
        ("'''a'b''c'''", "a'b''c"),
        ('"""\n"""', "\n"),
        ("1 < 2 == true", True),
        ("1 - 2 - 3", -4),
        ("2 + 3 * 4 - 1", 13),
        ("8 / 4 / 2", 1),
        ("true || false && false", True),
        ("false ? 1 : true ? 2 : 3", 2),
        ("(true ? false : true) ? 1 : 2", 2),
        ("- -1", 1),
        ("!!true", True),
        ("-x.size()", -1),
        ("'a' + 'b' == 'ab'", True),
        ("{1: 'a', true: 'b', 'c': 'd'}[true]", "b"),
        ("{1: 'a', true: 'b'}.map(k, string(k))", ["1", "true"]),
        ("{true: 1} == {1: 1}", False),
        ("{1: 1} == {1: 1.0}", True),
        ("{'a': 1} == {1: 1}", False),
        ("{1: 'a'}.size()", 1),
        ("2 in {1: 'a', 2: 'b'}", True),
        ("2.0 in {1: 'a', 2: 'b'}", True),
        ("2.5 in {1: 'a', 2: 'b'}", False),
        ("type(1) == int && type('') == string && type([]) == list && type({}) == map", True),
        ("type(null) == null_type && type(type(1)) == type && type(1.0) == double", True),
        ("type(timestamp(0)) == google.protobuf.Timestamp", True),
        ("[type(1), type(true)]", ["int", "bool"]),
        ("null == null && null != 0", True),
        ("cel.bind(x, 2 + 3, x * x)", 25),
        ("dyn([1])", [1]),
    ],
)
def test_value(text: str, expected: object) -> None:
    actual = value(text, x="a")
    assert (actual, type(actual)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true || x.y", True),
        ("x.y || true", True),
        ("false && x.y", False),
        ("x.y && false", False),
        ("1 || true", True),
        ("'a' && false", False),
        ("[x.y, true].size() == 1 || true", True),
        ("[0, 1].exists(n, 1 / n == 1)", True),
        ("[0, 1].all(n, 1 / n == 2)", False),
        ("[1, 'a'].exists(n, n < 0) || true", True),
    ],
)
def test_an_error_does_not_count_when_another_side_decides(text: str, *, expected: bool) -> None:
    assert value(text, x={}) is expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x.y || false", "no key 'y'"),
        ("true && x.y", "no key 'y'"),
        ("1 || false", "|| takes booleans, not integer"),
        ("true && 'a'", "&& takes booleans, not string"),
        ("1 ? 2 : 3", "?: takes a boolean, not integer"),
        ("!'a'", "! takes a boolean, not string"),
        ("-'a'", "-string is not possible"),
        ("[1].all(n, n)", "&& takes booleans"),
        ("[1].filter(n, n)", "filter takes a boolean"),
        ("[1].existsOne(n, n)", "existsOne takes a boolean"),
        ("[1].map(n, n, n)", "a filter takes a boolean"),
        ("1.map(n, n)", "integer has no elements to go over"),
        ("'abc'.map(n, n)", "string has no elements to go over"),
        ("{'a': 1, 'a': 2}", "the key 'a' is there twice"),
        ("{1: 1, 'a': 1, 1: 2}", "the key 1 is there twice"),
        ("{1.0: 1}", "fraction is no key"),
        ("{'a': {1: 2}}", "a key of a result is a string, not integer"),
        ("nope(1)", "there is no function 'nope' with 1 argument"),
        ("'a'.nope(1)", "there is no method 'nope' with 1 argument"),
        ("size()", "there is no function 'size' with 0 argument"),
        ("'a'.contains()", "there is no method 'contains' with 0 argument"),
        ("[1].map(n)", "there is no method 'map'"),
        ("strings.nope(1)", "there is no function 'strings.nope'"),
        ("size(1)", "size can't take integer"),
        ("{'a': 1}.transformMapEntry(k, v, v)", "transformMapEntry takes objects"),
        ("{'a': 1, 'b': 1}.transformMapEntry(k, v, {v: k})", "the key 1 is there twice"),
    ],
)
def test_error(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value(text, x={})
    assert reason in caught.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{'a': 1}.all(k, k == 'a')", True),
        ("[3, 4].exists(i, v, i == 1 && v == 4)", True),
        ("[1, 2, 3].map(n, n > 1, n * n)", [4, 9]),
        ("{'a': 1, 'b': 2}.filter(k, k != 'a')", ["b"]),
        ("[5, 6].transformList(i, v, i * v)", [0, 6]),
        ("['x', 'y'].transformMap(i, v, v).map(k, k)", [0, 1]),
        ("{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v * 10)", {"b": 20}),
        ("{'a': 'x'}.transformMapEntry(k, v, {v: k})", {"x": "a"}),
        ("{'a': 'x', 'b': 'y'}.transformMapEntry(k, v, k != 'a', {v: k})", {"y": "b"}),
        ("[1, 2].map(x, [3, 4].map(y, x * y))", [[3, 4], [6, 8]]),
        ("[1, 2].map(x, [x].map(x, x + 1)[0] + x)", [3, 5]),
        ("[[1], [2, 3]].map(x, x.map(y, x.size()))", [[1], [2, 2]]),
        ("[1, 1, 2].exists_one(i, v, v == 2)", True),
    ],
)
def test_macros(text: str, expected: object) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("", 0, "empty"),
        ("  // only a comment", 19, "too early"),
        ("1 +", 3, "too early"),
        ("1 2", 2, "'2' is not expected"),
        ("a b", 2, "'b' is not expected"),
        ("(1", 2, "too early"),
        ("1)", 1, "')' is not expected"),
        ("[,,]", 2, "',' is not expected"),
        ("{,,}", 2, "',' is not expected"),
        ("f(1,)", 4, "')' is not expected"),
        ("a ^ b", 2, "'^' is not expected"),
        ("a = b", 2, "'=' is not expected"),
        ("'abc", 0, "a quote is opened"),
        ("'a\nb'", 0, "a quote is opened"),
        ("a.`b", 2, "a quote is opened"),
        (r"'a\sb'", 2, r"unknown escape \s"),
        (r"'''a\sb'''", 4, r"unknown escape \s"),
        (r"'\ud83d'", 1, r"\ud83d is no character"),
        (r"'\U00110000'", 1, "is no character"),
        ("1u", 0, "unsigned"),
        ("b'a'", 0, "bytes"),
        ("rb'a'", 2, "is not expected"),
        ("br'a'", 0, "bytes"),
        ("if", 0, "reserved word"),
        ("x + while(1)", 4, "reserved word"),
        ("a.true", 2, "reserved word"),
        ("a.in", 2, "reserved word"),
        ("a.in()", 2, "reserved word"),
        ("in", 0, "reserved word"),
        ("[1].map(1, 2)", 8, "a simple name"),
        ("[1].map(a.b, 2)", 8, "a simple name"),
        ("[1].map(.a, 2)", 9, "a simple name"),
        ("[1].all(a, a, true)", 11, "'a' names two variables"),
        ("Message{a: 1}", 7, "'{' is not expected"),
        ("x == 9223372036854775808", 5, "beyond 64 bits"),
        ("x.matches('[')", 10, "no regular expression"),
        ("x.matches('" + "a" * 1001 + "')", 10, "longer than 1,000"),
        ("a ? b", 5, "too early"),
        ("\ud800", 0, "is not expected"),
        ("é", 0, "is not expected"),
        ("1 + \u0661", 4, "is not expected"),
    ],
)
def test_what_does_not_compile_is_told_with_its_place(
    text: str, position: int, reason: str
) -> None:
    with pytest.raises(InvalidExpression) as caught:
        compile_expression(text)
    error = caught.value
    assert reason in error.message
    assert (error.text, error.position) == (text, position)
    assert f"at position {position} of " in str(error)


def test_a_long_text_is_shortened_in_messages() -> None:
    with pytest.raises(InvalidExpression) as caught:
        compile_expression("1 + " * 1000)
    assert len(str(caught.value)) < 300
