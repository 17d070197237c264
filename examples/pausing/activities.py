"""The activities of the newspaper."""

from __future__ import annotations

from branchline.client import activity

_ARTICLES_ON_A_PAGE = 2


@activity
def lay_out(articles: list[str]) -> list[list[str]]:
    """The pages, each with its articles."""
    starts = range(0, len(articles), _ARTICLES_ON_A_PAGE)
    return [articles[start : start + _ARTICLES_ON_A_PAGE] for start in starts]


@activity
def print_copies(pages: list[list[str]], copies: int) -> str:
    return f"{copies} copies of {len(pages)} pages"


@activity
def cancel_edition() -> str:
    return "no edition: one page is no newspaper"
