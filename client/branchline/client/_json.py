"""JSON texts: exact integers, no NaN."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder()


def encode(value: object, what: str) -> str:
    """Write a value as JSON text.

    Besides JSON's own types it takes what msgspec writes: dataclasses, structs, enums, tuples,
    sets, times, UUIDs, decimals (as strings) and bytes (as base64).

    Raises:
        ValueError: it cannot be written; the message begins with ``what``.

    """
    try:
        text = _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"{what} cannot be written as JSON: {error}") from error
    # The encoder writes NaN and infinities as null, so only a text with null in it may hide one.
    if b"null" in text and _non_finite(msgspec.to_builtins(value, enc_hook=_nothing)):
        raise ValueError(f"{what} cannot be written as JSON: NaN and infinities are not JSON")
    return text.decode()


def decode(text: str, empty: object = None) -> Any:  # noqa: ANN401 - JSON is of any type
    """Read JSON text; an empty text gives ``empty``.

    Raises:
        ValueError: the text is no JSON.

    """
    return _decoder.decode(text) if text else empty


def _nothing(_: object) -> None:
    """Stand for what only the encoder can write, such as text that is JSON already."""


def _non_finite(value: object) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(_non_finite, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return any(map(_non_finite, value))
    return False
