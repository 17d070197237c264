"""JSON texts as activities read and write them: integers keep all their digits."""

from __future__ import annotations

import json
import math
from typing import Any

from branchline.client.errors import ActivityError


def parse(text: str, what: str = "the data") -> Any:  # noqa: ANN401 - JSON is of any type
    """The value of a JSON text.

    Raises:
        ActivityError: the text is no JSON; the message names the line and the column.

    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        reason = "it nests too deep" if isinstance(error, RecursionError) else error
        raise ActivityError(f"{what} is no JSON: {reason}") from None


def write(value: object) -> str:
    """The value as compact JSON text.

    Raises:
        ActivityError: it can't be written.

    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ActivityError(f"the value can't be written as JSON: {error}") from None


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large for a number of 64 bits")
    return number
