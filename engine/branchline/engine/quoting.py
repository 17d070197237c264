"""Names and texts of users inside of error messages: verbatim where possible, always bounded."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 200
_MOST_NAMES = 10


def quoted(text: str, position: int = 0) -> str:
    """The text in double quotes, on one line; of a long one the part around a position.

    Printable characters stay as they are, so that a user finds the text by searching for it.
    """
    start = max(0, min(position - _LONGEST // 2, len(text) - _LONGEST))
    shown = on_one_line(text[start : start + _LONGEST])
    before = "…" if start else ""
    after = "…" if start + _LONGEST < len(text) else ""
    return f'"{before}{shown}{after}"'


def on_one_line(text: str) -> str:
    """The text with all that is not printable escaped."""
    return text if text.isprintable() else "".join(map(_printable, text))


def listed(names: Iterable[str]) -> str:
    """The first few names, quoted, with commas between them."""
    shown = list(names)
    more = ["…"] if len(shown) > _MOST_NAMES else []
    return ", ".join([*map(quoted, shown[:_MOST_NAMES]), *more])


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
