"""Random expressions by the grammar of the language, and sound ones with something broken."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import strategies as st

_CASES = Path(__file__).parents[1] / "engine" / "expressions" / "cel_cases.json"
CONFORMANCE = tuple(
    sorted({case["expr"] for case in json.loads(_CASES.read_text(encoding="utf-8"))})
)
"""The texts of the published conformance cases."""

_LITERALS = [
    *("0", "1", "-1", "9223372036854775807", "-9223372036854775808", "0x7f", "1.5", ".5", "1e308"),
    *("true", "false", "null", "''", "'a'", '"ä€"', "r'\\d'", "'''x\ny'''", "'\\u00e9\\x41'"),
    *("'1.5s'", "'2024-02-29T23:59:59.999Z'", "'Europe/Zurich'", "'(a+)+$'", "[]", "{}"),
]
_NAMES = ["state", "inputs", "state.n", "state.text", "state.row", "state.deep", "x", "y", "k"]
_FIELDS = ["n", "a", "text", "row", "`odd key`", "nothing"]
_OPERATORS = ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"]
_METHOD_LIST = """
size contains startsWith endsWith matches charAt indexOf lastIndexOf substring replace split trim
lowerAscii upperAscii reverse join format first last hasValue value or orValue unwrapOpt
getFullYear getMonth getDate getDayOfMonth getDayOfWeek getDayOfYear getHours getMinutes
getSeconds getMilliseconds nothing
"""
_METHODS = _METHOD_LIST.split()
_FUNCTION_LIST = """
size int double string bool timestamp duration type dyn matches has optional.of optional.none
optional.ofNonZeroValue optional.unwrap strings.quote nothing
"""
_FUNCTIONS = _FUNCTION_LIST.split()
_MACROS = [
    *("{}.all(x, {})", "{}.exists(x, {})", "{}.exists_one(x, {})", "{}.existsOne(k, x, {})"),
    *("{}.map(x, {})", "{}.map(x, {}, {})", "{}.filter(x, {})", "{}.all(k, x, {})"),
    *("{}.transformList(k, x, {})", "{}.transformMap(k, x, {})", "{}.transformMap(k, x, {}, {})"),
    *("{}.transformMapEntry(k, x, {{k: {}}})", "cel.bind(x, {}, {})", "{}.optMap(x, {})"),
    *("{}.optFlatMap(x, {})", "has({}.a)"),
]
_SHAPES = [
    *("({})", "-{}", "!{}", "{} ? {} : {}", "[{}, {}]", "[?{}]", "{{'a': {}, 'b': {}}}"),
    *("{{{}: {}}}", "{{?'a': {}}}", "{}[{}]", "{}[?{}]", "{} // comment\n"),
]
_BITS = [
    *('"""', "'''", "'", '"', "\\", "`", "${", "}", "(", ")", "[", "]", "?", ":", "//", "\n", "\0"),
    *("\\ud800", "\ud800", "\ufeff", "e999", "0x", "9" * 30, "((((", ".map(x, ", "\u2028", "__x__"),
]


def _joined(form: str, parts: list[str]) -> str:
    """The parts, repeated where they do not suffice, in their places."""
    places = form.count("{}")
    return form.format(*(parts[n % len(parts)] for n in range(places)))


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parts = st.lists(inner, min_size=3, max_size=3)
    some = st.lists(inner, max_size=3).map(", ".join)
    return st.one_of(
        st.builds(_joined, st.sampled_from([*_SHAPES, *_MACROS]), parts),
        st.builds("{} {} {}".format, inner, st.sampled_from(_OPERATORS), inner),
        st.builds("{}.{}({})".format, inner, st.sampled_from(_METHODS), some),
        st.builds("{}({})".format, st.sampled_from(_FUNCTIONS), some),
        st.builds("{}.{}{}".format, inner, st.sampled_from(["", "?"]), st.sampled_from(_FIELDS)),
    )


EXPRESSIONS = st.recursive(st.sampled_from([*_LITERALS, *_NAMES]), _larger, max_leaves=12)
"""Texts that mostly compile."""


@st.composite
def _broken(draw: st.DrawFn, sound: st.SearchStrategy[str]) -> str:
    """A sound text with some of it removed, repeated, replaced, or taken from another."""
    text = draw(sound)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 20)))
        times = draw(st.sampled_from([1, 2, 300]))
        new = st.one_of(st.just(""), st.just(text[start:end] * times), st.sampled_from(_BITS))
        text = text[:start] + draw(new | sound) + text[end:]
    return text


BROKEN = _broken(EXPRESSIONS | st.sampled_from(CONFORMANCE))
"""Texts that mostly do not."""

TEXTS = st.one_of(EXPRESSIONS, st.sampled_from(CONFORMANCE), BROKEN, BROKEN)
"""Any of them."""

TEMPLATES = st.lists(
    st.one_of(
        st.sampled_from(["", "a ", "$", "$${", "}", "'", "${", "\\"]), TEXTS.map("${{{}}}".format)
    ),
    max_size=4,
).map("".join)
"""Texts with expressions within."""
