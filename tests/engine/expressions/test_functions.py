"""Functions on strings, conversions, `format` and optionals (semantics 3.1)."""

from __future__ import annotations

import pytest

from branchline.engine.expressions import ExpressionError, compile_expression


def value(text: str, /, **scope: object) -> object:
    return compile_expression(text).evaluate(scope)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size('zoë😀')", 4),
        ("'zoë'.size()", 3),
        ("size({'a': 1})", 1),
        ("[1, 2].size()", 2),
        ("matches('abc', 'b')", True),
        ("'abc'.matches(p)", True),
        ("['ab', 'c'].filter(x, x.matches(p))", ["ab"]),
        ("'zoë'.matches('^zo.$')", True),
        ("'abc'.charAt(1)", "b"),
        ("'abc'.charAt(3)", ""),
        ("'abc'.charAt(1.0)", "b"),
        ("'abcabc'.indexOf('c')", 2),
        ("'abcabc'.indexOf('c', 3)", 5),
        ("'abc'.indexOf('', 3)", 3),
        ("'abc'.indexOf('c', 3)", -1),
        ("'abcabc'.lastIndexOf('c')", 5),
        ("'abcabc'.lastIndexOf('c', 4)", 2),
        ("'abcabc'.lastIndexOf('c', 5)", 5),
        ("'ÀBC'.lowerAscii()", "Àbc"),
        ("'àbc'.upperAscii()", "àBC"),
        ("'aaa'.replace('a', 'b', 2)", "bba"),
        ("'aaa'.replace('a', 'b', 0)", "aaa"),
        ("'aaa'.replace('a', '', -1)", ""),
        ("'ab'.replace('', '-')", "-a-b-"),
        ("'a,b,c'.split(',')", ["a", "b", "c"]),
        ("'a,b,c'.split(',', 2)", ["a", "b,c"]),
        ("'a,b,c'.split(',', 0)", []),
        ("'a,b,c'.split(',', -1)", ["a", "b", "c"]),
        ("'zoë'.split('')", ["z", "o", "ë"]),
        ("'zoë'.split('', 2)", ["z", "oë"]),
        ("'zoë'.split('', 5)", ["z", "o", "ë"]),
        ("''.split('')", [""]),
        ("'hello'.substring(2)", "llo"),
        ("'hello'.substring(1, 3)", "el"),
        ("' \\u00a0a \\x1c\\t'.trim()", "a \x1c"),
        ("'zoë'.reverse()", "ëoz"),
        ("['a', 'b'].join()", "ab"),
        ("['a', 'b'].join(', ')", "a, b"),
        ("[].join(', ')", ""),
        ("strings.quote('a\"\\n\\\\')", '"a\\"\\n\\\\"'),
        ("'abc'.contains('bc') && 'abc'.startsWith('ab') && 'abc'.endsWith('bc')", True),
    ],
)
def test_strings(text: str, expected: object) -> None:
    assert value(text, p="b+") == expected


@pytest.mark.parametrize(
    "text",
    ["'abc'.charAt(4)", "'abc'.charAt(-1)", "'abc'.charAt(1.5)", "'abc'.charAt('1')",
     "'abc'.indexOf('a', 4)", "'abc'.indexOf('a', -1)", "'abc'.lastIndexOf('a', 4)",
     "'abc'.lastIndexOf('a', null)", "'abc'.substring(2, 1)", "'abc'.substring(0, 4)",
     "'abc'.substring(4)", "[1].join()", "['a'].join(1)", "'a'.join()", "'a'.contains(1)",
     "1.contains('a')", "'a'.replace(1, 'b')", "'a'.split(1)", "'a'.matches(1)", "1.matches('a')",
     "1.matches(p)", "size(null)", "strings.quote(1)"],
)  # fmt: skip
def test_strings_refuse(text: str) -> None:
    with pytest.raises(ExpressionError):
        value(text, p="b")


@pytest.mark.parametrize("text", ["x.matches('a')", "'a'.matches(x)", "'%x'.format([x])"])
def test_half_a_character_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError):
        value(text, x="\ud800")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int('-12')", -12),
        ("int('+12')", 12),
        ("int(2.9)", 2),
        ("int(-2.9)", -2),
        ("int(timestamp('1969-12-31T23:59:59.5Z'))", -1),
        ("double('1e3')", 1000.0),
        ("double('.5')", 0.5),
        ("double('-inf') < 0.0", True),
        ("double('NaN') == double('NaN')", False),
        ("double(7)", 7.0),
        ("string(1.0)", "1"),
        ("string(1.5)", "1.5"),
        ("string(0.1 + 0.2)", "0.30000000000000004"),
        ("string(123456.0)", "123456"),
        ("string(1234567.5)", "1.2345675e+06"),
        ("string(1e100)", "1e+100"),
        ("string(0.00001)", "1e-05"),
        ("string(-0.0)", "-0"),
        ("string(1.0 / 0.0) + string(-1.0 / 0.0) + string(0.0 / 0.0)", "Infinity-InfinityNaN"),
        ("string(true) + string(false)", "truefalse"),
        ("bool('t') && !bool('0')", True),
        ("string(timestamp(0.0 < 1.0 ? 0 : 1))", "1970-01-01T00:00:00Z"),
    ],
)
def test_conversions(text: str, expected: object) -> None:
    actual = value(text)
    assert (actual, type(actual)) == (expected, type(expected))


@pytest.mark.parametrize(
    "text",
    ["int('')", "int('1.5')", "int(' 1')", "int('1_0')", "int('0x1')", "int(true)", "int(null)",
     "int('9223372036854775808')", "int(9223372036854775808.0)", "int(-9223372036854775808.0)",
     "int(0.0 / 0.0)", "double('')", "double('1_0')", "double('a')", "double(true)", "bool('yes')",
     "bool(1)", "string(null)", "string([1])", "timestamp(1.5)", "timestamp(true)", "duration(1)"],
)  # fmt: skip
def test_conversions_refuse(text: str) -> None:
    with pytest.raises(ExpressionError):
        value(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'%s %% %d'.format(['a', 1])", "a % 1"),
        ("'%s'.format([[1, 2.0, 'a', null, true, {'b': 1, 'a': [2.5]}]])",
         "[1, 2, a, null, true, {a: [2.5], b: 1}]"),
        ("'%s %s'.format([duration('1.5s'), type(1)])", "1.5s int"),
        ("'%d'.format([2.5])", "2.5"),
        ("'%.3s %.1d'.format(['abc', 12])", "abc 12"),
        ("'%f %e'.format(['NaN', '-Infinity'])", "NaN -Infinity"),
        ("'%d %s'.format([1e21, 1e-7])", "1000000000000000000000 0.0000001"),
        ("'%f %.2f %.0f'.format([1, 2.345, 2.5])", "1.000000 2.35 2"),
        ("'%e %.1e'.format([1234.5, 2])", "1.234500e+03 2.0e+00"),
        ("'%f %e'.format([1.0 / 0.0, 0.0 / 0.0])", "Infinity NaN"),
        ("'%x %X %o %b %b'.format([-30, 30, 8, 5, true])", "-1e 1E 10 101 1"),
        ("'%x %X'.format(['é', 'é'])", "c3a9 C3A9"),
        ("'%s'.format(['a', 'unused'])", "a"),
    ],
)  # fmt: skip
def test_format(text: str, expected: str) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text",
    ["'%s'.format([])", "'%'.format([1])", "'%q'.format([1])",
     "'%.f'.format([1])", "'%.101f'.format([1])", "'%f'.format(['a'])", "'%d'.format(['a'])",
     "'%x'.format([1.5])", "'%b'.format(['a'])", "'%s'.format(1)", "'%s'.format([optional.none()])",
     "'%.99999999999999999999f'.format([1])", "1.format([1])"],
)  # fmt: skip
def test_format_refuses(text: str) -> None:
    with pytest.raises(ExpressionError):
        value(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x.?a.value()", {"b": 1}),
        ("x.?c.hasValue()", False),
        ("x.?c.orValue(3)", 3),
        ("x.?a.orValue(1 / 0)", {"b": 1}),
        ("x.?a.b.value()", 1),
        ("x.?a.c.hasValue()", False),
        ("x.?c.d.e.hasValue()", False),
        ("x[?'a'].value()", {"b": 1}),
        ("x[?'c'].or(x.?a).value()", {"b": 1}),
        ("x.?a.or(1 / 0).value()", {"b": 1}),
        ("[1, 2][?1].value()", 2),
        ("[1, 2][?2].hasValue()", False),
        ("optional.of([1, 2])[1].value()", 2),
        ("optional.of([1, 2])[5].hasValue()", False),
        ("optional.none()[5].hasValue()", False),
        ("x.?a[?'b'].value()", 1),
        ("x.?c[?'b'].hasValue()", False),
        ("has(x.?a)", True),
        ("has(x.?c)", False),
        ("has(x.?a.b)", True),
        ("has(x.?c.b)", False),
        ("[?x.?a, ?x.?c, 2]", [{"b": 1}, 2]),
        ("{?'k': x.?c, ?'l': x.?a, 'm': 1}", {"l": {"b": 1}, "m": 1}),
        ("x.?a.optMap(a, a.b + 1).value()", 2),
        ("x.?c.optMap(a, a.b + 1).hasValue()", False),
        ("x.?a.optFlatMap(a, a.?b).value()", 1),
        ("x.?a.optFlatMap(a, a.?z).hasValue()", False),
        ("x.?c.optFlatMap(a, a.?z).hasValue()", False),
        ("optional.of(1) == optional.of(1.0)", True),
        ("optional.of(1) == optional.none()", False),
        ("optional.none() == optional.none()", True),
        ("optional.of(null).hasValue()", True),
        ("[0, '', 'false', [], null].map(v, optional.ofNonZeroValue(v).hasValue())",
         [False, False, True, False, False]),
        ("[duration('0'), duration('1s')].map(v, optional.ofNonZeroValue(v).hasValue())",
         [False, True]),
        ("[timestamp(0), timestamp(1)].map(v, optional.ofNonZeroValue(v).hasValue())",
         [False, True]),
        ("[1, 2].first().value() + [1, 2].last().value()", 3),
        ("[].first().hasValue() || [].last().hasValue()", False),
        ("optional.unwrap([x.?a, x.?c])", [{"b": 1}]),
        ("[x.?a, x.?c].unwrapOpt()", [{"b": 1}]),
        ("type(optional.none()) == optional_type", True),
    ],
)  # fmt: skip
def test_optionals(text: str, expected: object) -> None:
    assert value(text, x={"a": {"b": 1}}) == expected


@pytest.mark.parametrize(
    "text",
    ["x.?c", "x.?a", "[x.?a]", "optional.none().value()", "x.or(x.?a)", "x.?c.or(1)",
     "x.orValue(1)", "x.optMap(v, v)", "x.?a.optFlatMap(v, v)", "[?1]", "{?'a': 1}",
     "x.hasValue()", "optional.of(1).a", "has(optional.of(1).a)", "1[?0]", "x.?a.b + 1",
     "x.first()", "'a'.last()", "[1].unwrapOpt()"],
)  # fmt: skip
def test_optionals_refuse(text: str) -> None:
    with pytest.raises(ExpressionError):
        value(text, x={"a": {"b": 1}})
