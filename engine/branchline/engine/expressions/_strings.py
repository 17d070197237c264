"""Functions on strings. Positions and sizes count characters (code points)."""

import re
from typing import Final

from ._calls import Function, Functions, take, take_index
from ._errors import ExpressionError
from ._frame import Budget
from ._values import Value

_WHITE_SPACE: Final = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000"
)
_LOWER: Final = {ord(upper): upper.lower() for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_UPPER: Final = {ord(upper.lower()): upper for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_QUOTED: Final = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    "\\": r"\\",
    '"': r"\"",
}
_TO_QUOTE = re.compile(r'[\a\b\f\n\r\t\v\\"]')


def _text(budget: Budget, value: Value, name: str) -> str:
    """Check that an argument is a string, and use up the steps for reading it."""
    text = take(value, str, name)
    budget.spend_text(len(text))
    return text


def _contains(budget: Budget, text: Value, part: Value) -> bool:
    return take(part, str, "contains") in _text(budget, text, "contains")


def _starts_with(budget: Budget, text: Value, part: Value) -> bool:
    return take(text, str, "startsWith").startswith(_text(budget, part, "startsWith"))


def _ends_with(budget: Budget, text: Value, part: Value) -> bool:
    return take(text, str, "endsWith").endswith(_text(budget, part, "endsWith"))


def _position(value: Value, text: str, name: str) -> int:
    """Check a position in a text; the one behind the last character is one too."""
    position = take_index(value, name)
    if 0 <= position <= len(text):
        return position
    raise ExpressionError(f"{name}: {position} is outside of a string of {len(text)} characters")


def _char_at(_: Budget, text: Value, position: Value) -> str:
    text = take(text, str, "charAt")
    start = _position(position, text, "charAt")
    return text[start : start + 1]


def _index_of(budget: Budget, text: Value, part: Value, start: Value = 0) -> int:
    text = _text(budget, text, "indexOf")
    return text.find(take(part, str, "indexOf"), _position(start, text, "indexOf"))


def _last_index_of(budget: Budget, text: Value, part: Value, *last: Value) -> int:
    text = _text(budget, text, "lastIndexOf")
    part = take(part, str, "lastIndexOf")
    if not last:
        return text.rfind(part)
    return text.rfind(part, 0, _position(last[0], text, "lastIndexOf") + len(part))


def _lower_ascii(budget: Budget, text: Value) -> str:
    return _text(budget, text, "lowerAscii").translate(_LOWER)


def _upper_ascii(budget: Budget, text: Value) -> str:
    return _text(budget, text, "upperAscii").translate(_UPPER)


def _replace(budget: Budget, text: Value, old: Value, new: Value, most: Value = -1) -> str:
    text = _text(budget, text, "replace")
    old, new = take(old, str, "replace"), take(new, str, "replace")
    limit = take_index(most, "replace")
    count = text.count(old) if limit < 0 else min(text.count(old), limit)
    # Paid before the text is made, so that it can't fill the memory first.
    budget.spend_text(len(text) + count * max(0, len(new) - len(old)))
    return text.replace(old, new, count)


def _split(budget: Budget, text: Value, separator: Value, most: Value = -1) -> list[str]:
    text = _text(budget, text, "split")
    separator = take(separator, str, "split")
    limit = take_index(most, "split")
    budget.spend(text.count(separator))
    if limit == 0:
        return []
    if separator:
        return text.split(separator, limit - 1 if limit > 0 else -1)
    parts = list(text) or [""]
    return parts if limit < 0 or limit >= len(parts) else [*parts[: limit - 1], text[limit - 1 :]]


def _substring(budget: Budget, text: Value, start: Value, *end: Value) -> str:
    text = take(text, str, "substring")
    first = _position(start, text, "substring")
    last = _position(end[0], text, "substring") if end else len(text)
    if first > last:
        raise ExpressionError(f"substring: {first} is behind {last}")
    budget.spend_text(last - first)
    return text[first:last]


def _trim(budget: Budget, text: Value) -> str:
    return _text(budget, text, "trim").strip(_WHITE_SPACE)


def _reverse(budget: Budget, text: Value) -> str:
    return _text(budget, text, "reverse")[::-1]


def _join(budget: Budget, parts: Value, separator: Value = "") -> str:
    between = take(separator, str, "join")
    texts = [take(part, str, "join") for part in take(parts, list, "join")]
    budget.spend(len(texts))
    budget.spend_text(sum(map(len, texts)) + len(between) * len(texts))
    return between.join(texts)


def _quote(budget: Budget, text: Value) -> str:
    text = _text(budget, text, "strings.quote")
    budget.spend_text(8 * len(text))
    return '"' + _TO_QUOTE.sub(lambda match: _QUOTED[match[0]], text) + '"'


METHODS: Functions = {
    "contains": Function(_contains, 2, 2),
    "startsWith": Function(_starts_with, 2, 2),
    "endsWith": Function(_ends_with, 2, 2),
    "charAt": Function(_char_at, 2, 2),
    "indexOf": Function(_index_of, 2, 3),
    "lastIndexOf": Function(_last_index_of, 2, 3),
    "lowerAscii": Function(_lower_ascii, 1, 1),
    "upperAscii": Function(_upper_ascii, 1, 1),
    "replace": Function(_replace, 3, 4),
    "split": Function(_split, 2, 3),
    "substring": Function(_substring, 2, 3),
    "trim": Function(_trim, 1, 1),
    "reverse": Function(_reverse, 1, 1),
    "join": Function(_join, 1, 2),
}

FUNCTIONS: Functions = {"strings.quote": Function(_quote, 1, 1)}
