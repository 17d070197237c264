"""The pages of docs/ as tests look at them: blocks of code, tables, headings, links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


class Block(NamedTuple):
    """A fenced block of code."""

    page: str
    line: int
    """Where it begins, from 1."""
    language: str
    text: str


class Link(NamedTuple):
    """A link to a file of the repository, or to a heading."""

    page: Path
    target: str
    """The file from the page's folder; empty for the page itself."""
    anchor: str


def pages() -> list[Path]:
    """Every page, those of the decisions too."""
    return sorted(DOCS.rglob("*.md"))


def blocks(page: Path, language: str) -> list[Block]:
    """The blocks of a language in a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page.name, text.count("\n", 0, match.start()) + 1, language, match[2])
        for match in _FENCE.finditer(text)
        if match[1] == language
    ]


def links(page: Path) -> list[Link]:
    """The links of a page that lead into the repository."""
    found = []
    for target in _LINK.findall(_CODE.sub("", _prose(page))):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            found.append(Link(page, path, anchor))
    return found


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    return {
        _NOT_IN_ANCHORS.sub("", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(_prose(page))
    }


def rows(page: str, heading: str) -> dict[str, list[str]]:
    """The first table below a heading: its rows by the code in their first cell."""
    _, _, below = _prose(DOCS / page).partition(f"# {heading}\n")
    table = re.search(r"^\|.*?(?=\n\n|\Z)", below, re.MULTILINE | re.DOTALL)
    assert table, f"{page} has no table below {heading!r}"
    cells = [line.strip("| ").split(" | ") for line in table[0].splitlines()[2:]]
    return {row[0].strip("`"): row for row in cells}


def _prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text(encoding="utf-8"))
