"""From the text of a literal to its value."""

import math
import re
import sys
from typing import Final

_ESCAPE = re.compile(
    r"""\\(?:([abfnrtv\\?"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"""
    r"""|([0-3][0-7]{2})|([\s\S]))"""
)
_CONTROLS: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}


_SURROGATES: Final = range(0xD800, 0xE000)


class BadLiteral(ValueError):
    """A literal that stands for nothing; `offset` is the place inside of it."""

    def __init__(self, message: str, offset: int = 0) -> None:
        """Say what is wrong."""
        super().__init__(message)
        self.message = message
        self.offset = offset


def integer(text: str) -> int:
    """Read an integer, decimal or `0x`. Its range is checked later, together with a sign."""
    return int(text, 0) if text.startswith("0x") else _decimal(text)


def _decimal(text: str) -> int:
    # Python refuses to read thousands of digits; more than 19 are out of range anyway.
    digits = text.lstrip("0")
    return int(digits[:25] or "0")


def fraction(text: str) -> float:
    """Read a fraction."""
    value = float(text)
    if math.isinf(value):
        raise BadLiteral("the number is too big")
    return value


def raw_string(text: str) -> str:
    """Read a string with an `r` before it: nothing in it is an escape."""
    return _unquote(text[1:])


def string(text: str) -> str:
    """Read a string with its escapes."""
    inside = _unquote(text)
    if "\\" not in inside:
        return inside
    start = (len(text) - len(inside)) // 2
    return _ESCAPE.sub(lambda match: _unescape(match, start), inside)


def _unquote(text: str) -> str:
    # Two quotes alone are an empty string, not the start of three.
    quotes = 3 if text[:3] in {'"""', "'''"} else 1
    return text[quotes:-quotes]


def _unescape(match: re.Match[str], start: int) -> str:
    simple, two, four, eight, octal, unknown = match.groups()
    if simple is not None:
        return _CONTROLS.get(simple, simple)
    if unknown is not None:
        raise BadLiteral(rf"the string has an unknown escape \{unknown}", start + match.start())
    code = int(octal, 8) if octal is not None else int(two or four or eight, 16)
    if code > sys.maxunicode or code in _SURROGATES:
        raise BadLiteral(f"{match[0]} is no character", start + match.start())
    return chr(code)
