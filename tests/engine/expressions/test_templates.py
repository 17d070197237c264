"""Templates: `${expression}` in the strings of any JSON value (semantics 3.3)."""

from __future__ import annotations

import pytest

from branchline.engine.expressions import (
    ExpressionError,
    InvalidTemplate,
    Json,
    compile_template,
    template_problems,
)

STATE = {
    "n": 42,
    "f": 1.5,
    "flag": False,
    "none": None,
    "text": "hi there",
    "list": [1, "zoë", None],
    "obj": {"k": [True], "a": 1, "é": 2, "Z": 3},
}


def render(template: Json, /, **scope: object) -> Json:
    return compile_template(template).render({"state": STATE, **scope})


@pytest.mark.parametrize("name", list(STATE))
@pytest.mark.parametrize("form", ["${{state.{}}}", "  ${{ state.{} }}\n\t", "${{state.{}}} "])
def test_a_whole_template_keeps_the_type(name: str, form: str) -> None:
    actual = render(form.format(name))
    assert (actual, type(actual)) == (STATE[name], type(STATE[name]))


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("n=${state.n}", "n=42"),
        ("f=${state.f} ${3.0} ${1e21} ${-0.0}", "f=1.5 3.0 1e+21 -0.0"),
        ("flag=${state.flag} ${true}", "flag=false true"),
        ("none=[${state.none}]", "none=[]"),
        ("${state.text}!", "hi there!"),
        ("list=${state.list}", 'list=[1,"zoë",null]'),
        ("obj=${state.obj}", 'obj={"Z":3,"a":1,"k":[true],"é":2}'),
        ("${state.n}${state.n}", "4242"),
        ("  ${state.n} x ", "  42 x "),
        ("q=${['\"', '\\n', '\\u2028']}", 'q=["\\"","\\n","\u2028"]'),
        ("at ${timestamp(0)} for ${duration('90s')}", "at 1970-01-01T00:00:00Z for 90s"),
        ("${[timestamp(0), 2.0, {'d': duration('1.5s')}]} ", ["1970-01-01T00:00:00Z", 2.0,
                                                             {"d": "1.5s"}]),
        ("is ${type(1)}", "is int"),
        ("", ""),
    ],
)  # fmt: skip
def test_values_are_written_into_the_text(template: str, expected: Json) -> None:
    assert render(template) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('${ {"a": 1}.a }', 1),
        ('${ {"a": {"b": {}}} }', {"a": {"b": {}}}),
        ("${{}}", {}),
        ('${"}" + state.text}', "}hi there"),
        ("${'{' + '}'}", "{}"),
        ('${"say \\"hi\\" }"}', 'say "hi" }'),
        ("${'it\\'s }'}", "it's }"),
        ("${r'\\'}${r\"}\\\"}", "\\}\\"),
        ("${'''a ' } '' b'''}", "a ' } '' b"),
        ('${"""a " } "" b"""}', 'a " } "" b'),
        ("${R'''}'''}", "}"),
        ("${'//}'}", "//}"),
        ("${1 // not here: } ' \"\n + 1}", 2),
        ("${ {'a}b': 3}.`a}b` }", 3),
        ("${8 / 2}", 4),
        ("<${'${'}>", "<${>"),
    ],
)
def test_braces_and_quotes_inside_belong_to_the_expression(template: str, expected: Json) -> None:
    assert render(template) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("$${state.n}", "${state.n}"),
        ("cost $${x} = ${state.n}", "cost ${x} = 42"),
        ("$$${x}", "$${x}"),
        ("${state.n}$${", "42${"),
        (" $${a} ", " ${a} "),
        ("a $ and a } stay, $$ and {} too", "a $ and a } stay, $$ and {} too"),
        ("$", "$"),
    ],
)
def test_the_escape_and_what_needs_none(template: str, expected: Json) -> None:
    assert render(template) == expected


def test_templates_work_at_any_depth_and_other_values_pass() -> None:
    template: Json = {
        "days": [{"title": "Day ${state.n}", "stops": ["${state.list[0]}", 3, True, None]}],
        "meta": {"count": "${size(state.list)}", "${state.n}": 2**70, "f": 2.0},
    }
    assert render(template) == {
        "days": [{"title": "Day 42", "stops": [1, 3, True, None]}],
        "meta": {"count": 3, "${state.n}": 2**70, "f": 2.0},
    }


@pytest.mark.parametrize(
    "template", [None, True, 7, 2.5, "plain", "", [], {}, [1, {"a": ["b"]}], ["$${x}"]]
)
def test_what_has_no_expression_is_constant(template: Json) -> None:
    assert compile_template(template).is_constant
    assert not compile_template([template, {"a": "${1}"}]).is_constant


def test_a_constant_with_an_escape_is_rendered() -> None:
    assert compile_template({"a": ["$${x}"]}).render({}) == {"a": ["${x}"]}


def test_a_template_renders_again_and_again() -> None:
    template = compile_template({"a": ["${n}"]})
    assert [template.render({"n": n}) for n in (1, 2)] == [{"a": [1]}, {"a": [2]}]


def test_values_of_the_scope_are_shared_and_never_changed() -> None:
    assert render("${state.list}") is STATE["list"]


@pytest.mark.parametrize(
    ("template", "position", "reason"),
    [
        ("a ${state.n", 2, "never closed"),
        ("${", 0, "never closed"),
        ("${ {'a': 1 }", 0, "never closed"),
        ("${}", 2, "empty"),
        ("${  }", 2, "empty"),
        ("ab ${'x}", 5, "quote"),
        ("${`x}", 2, "quote"),
        ("ab ${1 +} ${2}", 8, "too early"),
        ("ab ${1} ${state..n}", 16, r"'\.' is not expected"),
        ("ab ${a # b}", 7, "'#' is not expected"),
        ("ab ${(1}", 7, "too early"),
    ],
)
def test_a_bad_template_tells_where(template: str, position: int, reason: str) -> None:
    with pytest.raises(InvalidTemplate, match=reason) as caught:
        compile_template(template)
    error = caught.value
    assert (error.position, error.text, error.path) == (position, template, ())
    assert template in str(error)
    assert f"position {position}" in str(error)


def test_all_bad_strings_of_a_document_are_told_at_once() -> None:
    template: Json = {"a": ["${1}", "${", {"b c": "${1 +}"}], "d": "${)}", "ok": [3, "x"]}
    problems = template_problems(template)
    assert [problem.path for problem in problems] == [("a", 1), ("a", 2, "b c"), ("d",)]
    assert str(problems[1]).startswith("a[2].b c: the expression ends too early at position")
    with pytest.raises(InvalidTemplate) as caught:
        compile_template(template)
    assert str(caught.value) == str(problems[0])


def test_a_good_document_has_no_problems() -> None:
    assert template_problems({"a": ["${state.n}", None, 3]}) == []


def test_a_document_that_is_nested_too_deep_is_refused() -> None:
    deep: Json = "${1}"
    for _ in range(200):
        deep = [deep]
    assert compile_template(deep).render({}) is not None
    with pytest.raises(InvalidTemplate, match="nested deeper than 200"):
        compile_template([[deep]])


def test_an_error_names_the_expression() -> None:
    with pytest.raises(ExpressionError, match=r"state has no key 'x' in 'state\.x'"):
        render("${1} and ${state.x}")
