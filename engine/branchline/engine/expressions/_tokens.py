"""Tokens, as far as braces and quotes need them, before anything is parsed.

The same patterns serve the parser, so that both agree on where a string ends.
"""

import re
from typing import Final

from ._errors import InvalidExpression
from ._limits import MAX_EXPRESSION_LENGTH, MAX_NESTING

RAW_STRING: Final = r"""[rR](?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|\"[^\"\r\n]*\"|'[^'\r\n]*')"""
STRING: Final = (
    r"""(?:\"{3}(?:[^\\]|\\[\s\S])*?\"{3}|'{3}(?:[^\\]|\\[\s\S])*?'{3}"""
    r"""|\"(?:[^\"\\\r\n]|\\[^\r\n])*\"|'(?:[^'\\\r\n]|\\[^\r\n])*')"""
)
QUOTED_FIELD: Final = r"`[^`\r\n]+`"
COMMENT: Final = r"//[^\n]*"

_TOKEN = re.compile(
    rf"(?P<skip>[bB]?{RAW_STRING}|[bB]?{STRING}|{COMMENT}|{QUOTED_FIELD}|\w+|[^\w(){{}}\[\]\"'`/]+)"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<quote>[\"'`])|/"
)


def check_size(text: str) -> None:
    """Refuse an expression that is too long, or has too many brackets around each other."""
    if len(text) > MAX_EXPRESSION_LENGTH:
        message = f"the expression is longer than {MAX_EXPRESSION_LENGTH:,} characters"
        raise InvalidExpression(message, text, MAX_EXPRESSION_LENGTH)
    depth = 0
    for match in _TOKEN.finditer(text):
        found = match.lastgroup
        if found == "open":
            depth += 1
            if depth > MAX_NESTING:
                raise nested_too_deep(text, match.start())
        elif found == "close":
            depth -= 1
        elif found == "quote":
            raise _open_quote(text, match.start())


def find_closing_brace(text: str, start: int) -> int:
    """Find the brace that closes a `${`, where `start` is the offset behind it."""
    limit = start + MAX_EXPRESSION_LENGTH + 1
    position, depth = start, 0
    while match := _TOKEN.match(text, position, limit):
        found = match.lastgroup
        if found == "quote":
            raise _open_quote(text, position)
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            if depth == 0:
                return position
            depth -= 1
        position = match.end()
    if len(text) >= limit:
        message = f"the expression is longer than {MAX_EXPRESSION_LENGTH:,} characters"
        raise InvalidExpression(message, text, start)
    raise InvalidExpression("the ${ is never closed", text, start - 2)


def nested_too_deep(text: str, position: int) -> InvalidExpression:
    """Say that an expression is nested too deep."""
    message = f"the expression is nested deeper than {MAX_NESTING} levels"
    return InvalidExpression(message, text, position)


def _open_quote(text: str, position: int) -> InvalidExpression:
    return InvalidExpression("a quote is opened and not closed", text, position)
