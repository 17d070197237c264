"""What an unquoted word of a YAML file means.

These are the rules of YAML 1.2, so that ``on``, ``yes``, ``no``, ``y`` and dates are text. One is
stricter: a number with leading zeros is text, because it would not come back as it was written.
"""

from __future__ import annotations

import re

from branchline.client.definitions._nodes import Scalar

NULL = re.compile(r"~|null|Null|NULL|")
BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
FRACTION = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def scalar_of(word: str) -> Scalar:
    """The value of an unquoted word.

    Raises:
        ValueError: an integer with more digits than Python reads.

    """
    if NULL.fullmatch(word):
        return None
    if BOOLEAN.fullmatch(word):
        return word.lower() == "true"
    number = _number(word)
    return word if number is None else number


def _number(word: str) -> int | float | None:
    if INTEGER.fullmatch(word):
        return int(word)
    if OTHER_BASE.fullmatch(word):
        return int(word, base=0)
    if FRACTION.fullmatch(word):
        return float(word)
    if NOT_FINITE.fullmatch(word):
        return float(word.replace(".", ""))
    return None
