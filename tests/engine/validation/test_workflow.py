"""What the workflow itself can get wrong: name, start, inputs, outputs, follow-ups."""

from __future__ import annotations

from typing import Any

import pytest

from branchline.engine.definition import SECOND, Workflow
from branchline.engine.validation import find_problems

from .definitions import codes, only, work

BAKE = work("bake")


def test_an_empty_definition_lacks_a_name_and_steps() -> None:
    assert [problem.code for problem in find_problems(Workflow())] == ["NAME_REQUIRED", "NO_STEPS"]


def test_a_name_and_a_step_are_enough() -> None:
    assert codes(BAKE) == []


def test_problems_of_the_workflow_come_before_those_of_steps() -> None:
    found = codes(work("bake", "nowhere"), name="", timeout=0, groups=[{}])
    assert found == [
        ("NAME_REQUIRED", ""),
        ("INVALID_TIMEOUT", ""),
        ("EMPTY_GROUP_ID", ""),
        ("UNKNOWN_EDGE_TARGET", "bake"),
    ]


@pytest.mark.parametrize("timeout", [0, -SECOND])
def test_a_timeout_must_be_positive(timeout: int) -> None:
    problem = only(BAKE, timeout=timeout)
    assert (problem.code, problem.step) == ("INVALID_TIMEOUT", "")
    assert "timeout is " in problem.message


def test_a_positive_timeout_is_fine() -> None:
    assert codes(BAKE, timeout=1) == []


@pytest.mark.parametrize("state", [None, [1], "text", 3, 2.5, True])
def test_state_must_be_an_object(state: object) -> None:
    problem = only(BAKE, state=state)
    assert problem.code == "INVALID_FIELD"
    assert problem.message.startswith("state must be an object")


def test_state_holds_no_templates() -> None:
    """The workflow's state is taken as it is: nothing in it is evaluated."""
    assert codes(BAKE, state={"price": "${ not an expression"}) == []


def inputs(*declared: dict[str, Any]) -> list[str]:
    return [code for code, step in codes(BAKE, inputs=declared) if not step]


def test_two_inputs_of_one_name_are_told_once_for_each_later_one() -> None:
    flour = {"name": "flour"}
    assert inputs(flour, {"name": "yeast"}, flour, flour) == ["INVALID_INPUT", "INVALID_INPUT"]
    assert "flour" in only(BAKE, inputs=[flour, flour]).message


def test_an_input_needs_a_name() -> None:
    assert "inputs[1] has no name" in only(BAKE, inputs=[{"name": "a"}, {"type": "any"}]).message


@pytest.mark.parametrize("kind", ["String", "int", "null", " "])
def test_an_unknown_type_is_told_and_its_default_is_not_judged(kind: str) -> None:
    problem = only(BAKE, inputs=[{"name": "flour", "type": kind, "default": 1}])
    assert problem.code == "INVALID_INPUT"
    assert "flour" in problem.message


DEFAULTS: dict[str, list[object]] = {
    "string": ["", "x"],
    "number": [0, -1, 2.5, 3.0, 10**30],
    "integer": [0, -1, 10**30],
    "boolean": [True, False],
    "object": [{}, {"a": None}],
    "array": [[], [None]],
}
VALUES: list[object] = [value for values in DEFAULTS.values() for value in values]


@pytest.mark.parametrize(("kind", "fitting"), DEFAULTS.items())
def test_a_default_must_be_of_the_declared_type(kind: str, fitting: list[object]) -> None:
    """A whole number with a fraction is no integer, a boolean no number, null of no such type."""
    for value in [*VALUES, None]:
        fits = any(type(value) is type(other) and value == other for other in fitting)
        found = inputs({"name": "flour", "type": kind, "default": value})
        assert found == ([] if fits else ["INVALID_INPUT"]), value


@pytest.mark.parametrize("kind", ["", "any"])
def test_any_value_is_a_default_for_any(kind: str) -> None:
    for value in [*VALUES, None]:
        assert inputs({"name": "flour", "type": kind, "default": value}) == []


def test_an_output_needs_a_name() -> None:
    problem = only(BAKE, outputs=[{"variable": "loaf"}])
    assert (problem.code, problem.step) == ("INVALID_FIELD", "")
    assert "outputs[0].name" in problem.message


@pytest.mark.parametrize(
    "output", [{"name": "a", "variable": "state.loaf"}, {"name": "state.loaf"}]
)
def test_an_output_names_a_bare_variable(output: dict[str, str]) -> None:
    problem = only(BAKE, outputs=[output])
    assert (problem.code, problem.step) == ("INVALID_STORE_PATH", "")
    assert '"loaf"' in problem.message


def test_an_output_may_reach_into_an_object() -> None:
    outputs = [{"name": "state.x", "variable": "loaf.crust"}, {"name": "statement"}]
    assert codes(BAKE, outputs=outputs) == []


def test_a_start_step_must_exist_and_without_it_nothing_is_unreachable() -> None:
    problem = only(work("a"), work("island"), start_at="dawn")
    assert (problem.code, problem.step) == ("UNKNOWN_START_STEP", "")
    assert '"dawn"' in problem.message


def test_a_start_step_need_not_be_the_first() -> None:
    assert codes(work("b"), work("a", "b"), start_at="a") == []


def test_a_follow_up_names_a_workflow_and_holds_sound_texts() -> None:
    follow_ups = [
        {"condition": "outputs.n >"},
        {"workflow": "log", "inputs": {"deep": [{"n": "${outputs.}"}]}},
        {"workflow": "log", "inputs": [1]},
        {"workflow": "log", "condition": "outputs.n > 1", "inputs": {"n": "${outputs.n}"}},
        {"workflow": "log"},
    ]
    assert codes(BAKE, follow_ups=follow_ups) == [
        ("INVALID_FIELD", ""),
        ("INVALID_EXPRESSION", ""),
        ("INVALID_TEMPLATE", ""),
        ("INVALID_FIELD", ""),
    ]
