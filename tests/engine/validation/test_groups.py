"""Groups of steps: ids, parents, circles."""

from __future__ import annotations

from typing import Any

import pytest

from .definitions import codes, only, work

WALK = work("walk")


def groups(**parents: str) -> list[dict[str, Any]]:
    return [{"id": name, "parent_id": parent} for name, parent in parents.items()]


def test_a_tree_of_groups_is_silent() -> None:
    assert codes(WALK, groups=groups(a="", b="a", c="b", d="a")) == []


def test_a_parent_may_come_later() -> None:
    assert codes(WALK, groups=groups(b="a", a="")) == []


def test_a_group_needs_an_id() -> None:
    problem = only(WALK, groups=[{"id": "a"}, {"name": "nameless"}])
    assert (problem.code, problem.step) == ("EMPTY_GROUP_ID", "")
    assert "groups[1]" in problem.message


def test_an_id_is_used_once() -> None:
    assert codes(WALK, groups=[{"id": "a"}] * 3) == [("DUPLICATE_GROUP_ID", "")] * 2
    assert '"a"' in only(WALK, groups=[{"id": "a"}] * 2).message


def test_a_parent_is_a_group() -> None:
    problem = only(WALK, groups=groups(south="moon"))
    assert (problem.code, problem.step) == ("UNKNOWN_GROUP", "")
    assert '"moon"' in problem.message
    assert '"south"' in problem.message


def test_a_group_is_not_its_own_parent() -> None:
    problem = only(WALK, groups=groups(ring="ring"))
    assert (problem.code, problem.step) == ("GROUP_CYCLE", "")
    assert '"ring"' in problem.message


def test_a_circle_is_told_once_without_those_who_hang_on_it() -> None:
    problem = only(WALK, groups=groups(tail="a", a="b", b="c", c="a", other="tail"))
    assert problem.code == "GROUP_CYCLE"
    assert '"a", "b", "c"' in problem.message
    assert "tail" not in problem.message


def test_every_circle_is_told() -> None:
    assert codes(WALK, groups=groups(a="b", b="a", c="c", d="a")) == [("GROUP_CYCLE", "")] * 2


@pytest.mark.parametrize("field", ["x", "y", "width", "height"])
def test_the_numbers_of_a_group_can_be_written_as_json(field: str) -> None:
    problem = only(WALK, groups=[{"id": "a", field: float("inf")}])
    assert (problem.code, problem.step) == ("INVALID_FIELD", "")
    assert f"groups[0].{field}" in problem.message
    assert codes(WALK, groups=[{"id": "a", field: -20.5}]) == []
