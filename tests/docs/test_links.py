"""Links lead somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, REPOSITORY, anchors, links, pages


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(DOCS)))
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    broken = []
    for link in links(page):
        target = (page.parent / link.target).resolve() if link.target else page
        if not target.exists() or not target.is_relative_to(REPOSITORY):
            broken.append(link.target)
        elif link.anchor and link.anchor not in anchors(target):
            broken.append(f"{link.target}#{link.anchor}")
    assert broken == []


def test_the_index_leads_to_every_page() -> None:
    """A page that no index names would not be found; the reference of the API has its own."""
    indexes = [DOCS / "README.md", DOCS / "api" / "README.md"]
    linked = {
        (index.parent / link.target).resolve()
        for index in indexes
        for link in links(index)
        if link.target
    }
    assert indexes[1] in {(DOCS / link.target).resolve() for link in links(indexes[0])}
    assert set(pages()) - set(indexes) <= linked
