"""The tests that the page about testing shows are tests, and pass."""

from __future__ import annotations

import re
from collections.abc import Callable
from inspect import isfunction
from pathlib import Path
from typing import Any

import pytest

from branchline import testing
from tests.docs.pages import DOCS, blocks, rows

PAGE = DOCS / "testing.md"


def shown() -> dict[str, Callable[[], None]]:
    """The page's tests by name."""
    tests: dict[str, Callable[[], None]] = {}
    for block in blocks(PAGE, "python"):
        module: dict[str, Any] = {"__name__": f"{block.page}:{block.line}"}
        exec(compile(block.text, module["__name__"], "exec"), module)
        tests |= {name: value for name, value in module.items() if name.startswith("test_")}
    return tests


def named(heading: str) -> set[str]:
    """The names in the first column of the table below a heading, without their arguments."""
    cells = [row[0] for row in rows(PAGE.name, heading).values()]
    return {name for cell in cells for name in re.findall(r"(?:^|[`, ]+)([a-z_]+)", cell)}


def public(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


TESTS = shown()


def test_the_page_shows_tests() -> None:
    assert len(TESTS) > 3


@pytest.mark.parametrize("name", TESTS)
def test_each_passes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the workflow that the page shows first."""
    (tmp_path / "order.yaml").write_text(blocks(PAGE, "yaml")[0].text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    TESTS[name]()


def test_every_behaviour_is_told() -> None:
    functions = {name for name in testing.__all__ if isfunction(getattr(testing, name))}
    assert functions - {"crash"} <= named("Activities")


@pytest.mark.parametrize(
    ("heading", "kind"), [("A rehearsal", testing.Rehearsal), ("A run", testing.Run)]
)
def test_everything_that_tests_can_do_and_read_is_told(heading: str, kind: type) -> None:
    """In the table, or in the text of the page."""
    text = PAGE.read_text(encoding="utf-8")
    assert {name for name in public(kind) - named(heading) if f"`{name}" not in text} <= {
        "close",
        "version",
    }
