"""Templates inside of parameters, and how texts are shown."""

from __future__ import annotations

import msgspec
import pytest

from branchline.engine.definition import Workflow
from branchline.engine.validation import find_problems

from .definitions import Json, codes, only, step, work


def test_templates_compile_at_any_depth_and_are_told_one_by_one() -> None:
    parameters = {"a": "${state.}", "b": [{"label": "count ${state.n + }"}], "c": "${state.n}"}
    assert codes(work("it", parameters=parameters)) == [("INVALID_TEMPLATE", "it")] * 2


def test_a_template_is_told_with_its_place_text_and_position() -> None:
    message = only(work("it", parameters={"b": [{"label": "count ${state.n + }"}]})).message
    assert message.startswith("parameters.b[0].label: ")
    assert '"count ${state.n + }"' in message
    assert "position 18" in message


def test_text_without_a_template_and_escapes_are_silent() -> None:
    parameters = {"a": "$5 {not} one", "b": "$${neither}", "c": '${ {"a": "}"}.a }'}
    assert codes(work("it", parameters=parameters)) == []


def test_what_is_nested_too_deep_is_a_problem() -> None:
    assert codes(work("it", next=[{"step": "it", "condition": "(" * 3000 + ")" * 3000}])) == [
        ("INVALID_EXPRESSION", "it")
    ]


def test_of_a_long_text_the_wrong_part_is_shown() -> None:
    text = "state.n + " * 100 + "§§" + " + state.n" * 100
    message = only(work("it", next=[{"step": "it", "condition": text}])).message
    assert "§§" in message
    assert len(message) < 400


@pytest.mark.parametrize(
    "definition",
    [
        {"steps": [work("it")], "name": "a\0"},
        {"steps": [work("it")], "follow_ups": [{"workflow": "\0"}]},
        {"steps": [work("it", activity="\0work")]},
        {"steps": [work("it", task_queue="a\0b")]},
        {"steps": [step("child", {"workflow": "a\0b"})]},
    ],
)
def test_what_is_stored_as_it_is_must_be_text_that_every_database_holds(definition: Json) -> None:
    [problem] = find_problems(msgspec.convert({"name": "bakery", **definition}, Workflow))
    assert problem.code == "INVALID_FIELD"
    assert "U+0000" in problem.message
