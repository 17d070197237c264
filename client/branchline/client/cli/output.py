"""Writes results: JSON for programs, tables and colours for people, plain text into pipes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeAlias

from branchline.client.cli.texts import STYLES, one_line

if TYPE_CHECKING:
    from rich.console import Console

Part: TypeAlias = tuple[str, str]
"""A piece of a line and its style, as rich names it; an empty style is plain."""

_GAP: Final = "  "


def print_json(value: object) -> None:
    """Write one JSON document to standard output, over several lines.

    Dataclasses are objects, times are RFC 3339 text in UTC, lengths of time ISO 8601 text.
    """
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.write(text.decode() + "\n")


def print_json_line(value: object) -> None:
    """Write one JSON document to standard output, on one line, and hand it on at once."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_text(text: str) -> None:
    """Write a text to standard output."""
    sys.stdout.write(text + "\n")


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table to standard output; a cell that is a status has its colour."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_rich_table(headers, cells)
        return
    lines = [list(headers), *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print_text(_GAP.join(padded).rstrip())


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Write names and values to standard output, a line each; those without value are left out."""
    shown = [(name, value) for name, value in fields if value]
    width = max((len(name) for name, _ in shown), default=0)
    writer = LineWriter(sys.stdout)
    for name, value in shown:
        writer.line((name.ljust(width) + _GAP, "dim"), (one_line(value), STYLES.get(value, "")))


class LineWriter:
    """Writes lines to a stream: in colours if it is a terminal, else plain; hands each on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._console = console_on(stream) if stream.isatty() else None

    def line(self, *parts: Part) -> None:
        """Write a line."""
        if self._console is None:
            self._stream.write("".join(text for text, _ in parts) + "\n")
            self._stream.flush()
            return
        from rich.text import Text

        self._console.print(Text.assemble(*parts), soft_wrap=True)


def console_on(stream: TextIO) -> Console:
    """Give rich's view of a terminal; what is written is taken as it is."""
    from rich.console import Console

    return Console(file=stream, markup=False, highlight=False, emoji=False)


def _print_rich_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, header in enumerate(headers):
        # The first is what people copy: the others make room for it.
        table.add_column(Text(header), overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    console_on(sys.stdout).print(table)


def as_document(item: Any, *names: str) -> dict[str, Any]:  # noqa: ANN401 - a dataclass
    """Take these fields of a dataclass for a JSON document."""
    return {name: getattr(item, name) for name in names}
