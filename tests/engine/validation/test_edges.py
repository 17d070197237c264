"""Edges: targets, branch names, conditions."""

from __future__ import annotations

from typing import Any

import pytest

from .definitions import codes, only, work

END = work("end")


def forks(*edges: dict[str, Any]) -> dict[str, Any]:
    return work("fork", next=[{"step": "end", **edge} for edge in edges])


def test_an_edge_leads_to_a_step() -> None:
    problem = only(work("a", "hall"))
    assert (problem.code, problem.step) == ("UNKNOWN_EDGE_TARGET", "a")
    assert '"hall"' in problem.message


def test_an_edge_without_a_target_leads_nowhere_even_beside_a_nameless_step() -> None:
    problems = codes(work("a", ""), work(""))
    assert problems == [("UNKNOWN_EDGE_TARGET", "a"), ("EMPTY_STEP_NAME", "")]
    assert "next[0].step is missing" in only(work("a", "")).message


def test_every_wrong_edge_is_told() -> None:
    assert codes(work("a", "x", "x", "a")) == [("UNKNOWN_EDGE_TARGET", "a")] * 2


def test_a_step_may_lead_to_itself() -> None:
    assert codes(work("a", "a")) == []


def test_main_is_the_name_of_the_first_branch() -> None:
    assert codes(forks({"branch": "main"}), END) == [("RESERVED_BRANCH_NAME", "fork")]
    assert codes(forks({"branch": "Main"}), END) == []


def test_a_branch_name_used_again_is_told_at_the_later_step() -> None:
    found = codes(forks({"branch": "twin"}), work("end", next=[{"step": "fork", "branch": "twin"}]))
    assert found == [("DUPLICATE_BRANCH_NAME", "end")]


def test_a_branch_name_used_again_is_told_for_each_later_edge() -> None:
    steps = forks({"branch": "twin"}, {"branch": "single"}, {"branch": "twin"}), END
    problem = only(*steps)
    assert problem.code == "DUPLICATE_BRANCH_NAME"
    assert "next[2]" in problem.message
    assert '"twin"' in problem.message


def test_edges_without_a_branch_name_are_no_duplicates() -> None:
    assert codes(forks({}, {}), END) == []


@pytest.mark.parametrize("name", ["west ", " west", "\twest", "we.st", ".", "west#2", "#", " "])
def test_a_branch_name_has_no_dot_no_hash_and_no_white_space_at_its_ends(name: str) -> None:
    problem = only(forks({"branch": name}), END)
    assert (problem.code, problem.step) == ("INVALID_BRANCH_NAME", "fork")


@pytest.mark.parametrize("name", ["west wing", "main-1", "größe", "a/b", '"'])
def test_a_branch_name_may_be_anything_else(name: str) -> None:
    assert codes(forks({"branch": name}), END) == []


def test_a_condition_compiles_and_is_told_with_its_text_and_position() -> None:
    problem = only(forks({}, {"condition": "state.n >"}), END)
    assert (problem.code, problem.step) == ("INVALID_EXPRESSION", "fork")
    assert "next[1].condition" in problem.message
    assert '"state.n >"' in problem.message
    assert "position 9" in problem.message


@pytest.mark.parametrize("text", ["", "TRUE", "false", "state.n <= inputs.max && state.k == 'a'"])
def test_a_sound_condition_is_silent(text: str) -> None:
    assert codes(forks({"condition": text}), END) == []


def test_a_condition_is_written_without_braces() -> None:
    assert codes(forks({"condition": "${state.n > 1}"}), END) == [("INVALID_EXPRESSION", "fork")]
