"""Binding what a start gives to what a workflow declares."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from branchline.engine.definition import Input, Workflow
from branchline.engine.inputs import InputProblem, InvalidInputs, bind_inputs


def workflow(**types: str) -> Workflow:
    return Workflow(inputs=tuple(Input(name=name, type=kind) for name, kind in types.items()))


def bind(declared: Workflow, **texts: str) -> dict[str, str]:
    documents = {name: msgspec.Raw(text.encode()) for name, text in texts.items()}
    bound = bind_inputs(declared, documents)
    return {name: bytes(document).decode() for name, document in bound.items()}


def problems(declared: Workflow, **texts: str) -> list[InputProblem]:
    with pytest.raises(InvalidInputs) as refusal:
        bind(declared, **texts)
    return refusal.value.problems


def test_a_workflow_without_inputs_takes_none() -> None:
    assert bind(workflow()) == {}
    [problem] = problems(workflow(), colour='"red"')
    assert problem.name == "colour"
    assert "no inputs" in problem.message


FITTING = {
    "string": ['""', '"x"', r'"\u00e4"'],
    "number": ["0", "-0", "-1", "3.0", "1e2", "2.5", "9" * 40],
    "integer": ["0", "-0", "-1", "9" * 40],
    "boolean": ["true", "false"],
    "object": ["{}", '{"a": null}'],
    "array": ["[]", "[ 1,2 ]"],
}
DOCUMENTS = {text for texts in FITTING.values() for text in texts} | {"null"}


@pytest.mark.parametrize("kind", FITTING)
def test_a_value_must_be_of_the_declared_type(kind: str) -> None:
    """Written with fraction or exponent, a number is no integer; null is of type any only."""
    declared = workflow(it=kind)
    for text in FITTING[kind]:
        assert bind(declared, it=text) == {"it": text}
    for text in DOCUMENTS - set(FITTING[kind]):
        [problem] = problems(declared, it=text)
        assert problem.name == "it"
        assert f"of type {kind}" in problem.message


@pytest.mark.parametrize("kind", ["", "any"])
def test_any_takes_everything_unread(kind: str) -> None:
    for text in [*DOCUMENTS, "1e999", "[" * 5000 + "]" * 5000]:
        assert bind(workflow(it=kind), it=text) == {"it": text}


@pytest.mark.parametrize("text", ["1e999", "[1e999]", "[" * 50_000, r'"\ud800"', "", '"\udcff"'])
@pytest.mark.parametrize("kind", FITTING)
def test_what_cannot_be_read_is_a_problem(kind: str, text: str) -> None:
    documents = {"it": msgspec.Raw(text.encode(errors="surrogateescape"))}
    with pytest.raises(InvalidInputs, match=f"can't be read as {kind}"):
        bind_inputs(workflow(it=kind), documents)


def test_defaults_fill_in_what_is_left_out_in_declared_order() -> None:
    declared = Workflow(
        inputs=(
            Input(name="title", type="string"),
            Input(name="copies", type="integer", default=1),
            Input(name="price", type="number", default=3.0),
            Input(name="note", default=None),
            Input(name="tags", type="array", default=[{"a": 10**30}]),
        )
    )
    bound = bind(declared, note="7", title='"Atlas"')
    assert list(bound.items()) == [
        ("title", '"Atlas"'),
        ("copies", "1"),
        ("price", "3.0"),
        ("note", "7"),
        ("tags", '[{"a":' + str(10**30) + "}]"),
    ]
    assert bind(declared, title='""')["note"] == "null"


def test_nothing_need_be_given_when_everything_has_a_default() -> None:
    declared = Workflow(inputs=(Input(name="copies", type="integer", default=1),))
    assert bind(declared) == {"copies": "1"}


def test_null_does_not_ask_for_the_default() -> None:
    declared = Workflow(inputs=(Input(name="copies", type="integer", default=1),))
    [problem] = problems(declared, copies="null")
    assert "null" in problem.message


def test_given_values_are_passed_on_as_the_very_same_documents() -> None:
    document = msgspec.Raw(b' { "n" : 1.50 , "n" : 2 } ')
    assert bind_inputs(workflow(it="object"), {"it": document})["it"] is document


def test_everything_wrong_is_told_at_once() -> None:
    declared = Workflow(
        inputs=(
            Input(name="weight", type="number"),
            Input(name="fragile", type="boolean", default=False),
            Input(name="floors", type="integer", default=2),
            Input(name="recipient", type="string"),
            Input(name="note", type="any"),
        )
    )
    found = problems(declared, colour='"red"', floors="2.5", weight='"heavy"', fragile="1")
    assert [problem.name for problem in found] == [
        "weight",
        "fragile",
        "floors",
        "recipient",
        "note",
        "colour",
    ]
    assert all(f'"{problem.name}"' in problem.message for problem in found)
    assert "required" in found[3].message
    assert "unknown" in found[5].message
    assert '"weight"' in found[5].message


def test_the_error_reads_as_its_problems() -> None:
    refusal = InvalidInputs([InputProblem("a", "first"), InputProblem("b", "second")])
    assert str(refusal) == "first; second"


def test_messages_are_bounded() -> None:
    declared = workflow(**{f"input{n}": "" for n in range(1000)})
    found = problems(declared, **{"x" * 100_000: "1"})
    assert len(found) == 1001
    assert all(len(problem.message) < 500 for problem in found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(value=JSON, kind=st.sampled_from(list(FITTING)))
def test_a_value_is_taken_by_the_types_that_json_gives_it(value: Any, kind: str) -> None:  # noqa: ANN401
    expected = {
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "object": isinstance(value, dict),
        "array": isinstance(value, list),
    }
    document = msgspec.Raw(msgspec.json.encode(value))
    try:
        taken = bind_inputs(workflow(it=kind), {"it": document}) == {"it": document}
    except InvalidInputs:
        taken = False
    # An infinity is written as null.
    finite = not isinstance(value, float) or abs(value) != float("inf")
    assert taken == (expected[kind] and finite)
