"""What expressions see of a branch's state, also as a whole (semantics 3.1, 9.2)."""

from __future__ import annotations

import pytest

from branchline.engine.values import encode, encode_text

from .playing import Json, Play, step


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("state", {"n": 1, "x": "a"}),
        ("size(state)", 2),
        ("state.map(name, name)", ["n", "x"]),
        ("['n', 'y'].map(name, name in state)", [True, False]),
        ("has(state.n) && !has(state.y)", True),
        ("state == {'n': 1, 'x': 'a'}", True),
    ],
)
def test_the_state_is_a_map(expression: str, value: Json) -> None:
    play = Play(step("a", parameters={"it": f"${{{expression}}}"}), state={"n": 1, "x": "a"})
    assert play.parameters("a") == {"it": value}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("state", {"x": 7, "n": 1}),
        ("size(state)", 2),
        ("state.x", 7),
        ("['n', 'x', 'y'].map(name, name in state)", [True, True, False]),
    ],
)
def test_an_item_hides_the_variable_of_its_name_in_the_state(expression: str, value: Json) -> None:
    each = {"items": [7], "as": "x"}
    bake = step("a", each=each, parameters={"it": f"${{{expression}}}"})
    play = Play(bake, state={"n": 1, "x": "a"})
    assert play.parameters("a") == {"it": value}


def test_a_document_is_written_as_text_without_being_read() -> None:
    assert encode_text({"a": encode([1, "ü"]), "b": None}) == '{"a":[1,"ü"],"b":null}'
