"""The table of the examples is true."""

from __future__ import annotations

import json

import pytest

from tests.docs.pages import REPOSITORY, Link, anchors, links
from tests.examples.running import run, table

pytestmark = pytest.mark.system

EXAMPLES = REPOSITORY / "examples"
TABLE = table()
DEFINED = {path.stem for path in EXAMPLES.glob("*/*.yaml") if path.stem == path.parent.name}
ELSEWHERE = {"audit"}
"""What it prints differs from machine to machine."""


@pytest.mark.parametrize("name", TABLE)
def test_the_command_prints_what_the_table_says(name: str) -> None:
    command, output = TABLE[name]
    result = run(command)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == json.loads(output)


@pytest.mark.parametrize("name", TABLE)
def test_the_definition_has_the_command_at_its_top(name: str) -> None:
    text = (EXAMPLES / name / f"{name}.yaml").read_text(encoding="utf-8")
    assert f"#   {TABLE[name][0]}" in text.partition("\nname:")[0].splitlines()


def test_every_example_is_in_the_table() -> None:
    assert TABLE.keys() == DEFINED - ELSEWHERE


@pytest.mark.parametrize("link", links(EXAMPLES / "README.md"))
def test_links_lead_to_files_and_headings_that_exist(link: Link) -> None:
    target = EXAMPLES / link.target
    assert target.exists()
    assert not link.anchor or link.anchor in anchors(target)
