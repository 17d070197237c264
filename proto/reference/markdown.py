"""Markdown out of comments: they may have paragraphs, lists and code, all else is text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
# An underscore within a word is no markup.
_MARKUP = re.compile(r"[\\`*<\[\]~$&|]|(?<![^\W_])_|_(?![^\W_])")
# What would make a paragraph a list, a heading or a quotation.
_OPENING = re.compile(r"^(\d*)([-+=#>]|(?<=\d)[.)])(?=\s|$|[-=#>])")
_BULLET = re.compile(r"[-*]\s+")
_SENTENCE = re.compile(r".+?[.!?](?=\s|$)")
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


class _Block(NamedTuple):
    """A paragraph, or an item of a list."""

    bullet: bool
    text: str


def prose(comment: str) -> str:
    """A comment as paragraphs and lists."""
    text = ""
    before = None
    for block in _blocks(comment):
        if before:
            text += "\n" if before.bullet and block.bullet else "\n\n"
        text += f"- {block.text}" if block.bullet else block.text
        before = block
    return text


def cell(comment: str) -> str:
    """A comment on one line, for a table."""
    lines = (f"• {block.text}" if block.bullet else block.text for block in _blocks(comment))
    return _in_cell("<br>".join(lines))


def first_sentence(comment: str) -> str:
    """The first sentence of a comment, for a table."""
    first = next(iter(_blocks(comment)), _Block(bullet=False, text=""))
    match = _SENTENCE.match(first.text)
    return _in_cell(match[0] if match else first.text)


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are Markdown already."""
    names = list(header)
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def link(name: str, target: str) -> str:
    """A link named by an identifier."""
    return f"[{_escape(name)}]({target})"


def anchor(heading: str) -> str:
    """The anchor that a heading gets."""
    return _NOT_IN_ANCHORS.sub("", heading.lower()).replace(" ", "-")


def _blocks(comment: str) -> list[_Block]:
    """The paragraphs and items, each on one line."""
    found: list[_Block] = []
    goes_on = False
    for line in map(str.strip, comment.splitlines()):
        bullet = _BULLET.match(line)
        if bullet:
            found.append(_Block(bullet=True, text=line[bullet.end() :]))
        elif line and goes_on:
            found[-1] = found[-1]._replace(text=f"{found[-1].text} {line}")
        elif line:
            found.append(_Block(bullet=False, text=line))
        goes_on = bool(line)
    return [block._replace(text=_inline(block.text)) for block in found]


def _inline(text: str) -> str:
    """Escape everything but code."""
    pieces = []
    end = 0
    for code in _CODE.finditer(text):
        pieces += [_escape(text[end : code.start()]), code[0]]
        end = code.end()
    pieces.append(_escape(text[end:]))
    return _OPENING.sub(r"\1\\\2", "".join(pieces))


def _escape(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", text)


def _in_cell(text: str) -> str:
    """Escape the bars in code too: a table ends a cell at them. Those in text are escaped."""
    return re.sub(r"(?<!\\)\|", r"\\|", text)
