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
    """A page that the index does not name would not be found."""
    index = DOCS / "README.md"
    linked = {(DOCS / link.target).resolve() for link in links(index) if link.target}
    assert set(pages()) - {index} <= linked
