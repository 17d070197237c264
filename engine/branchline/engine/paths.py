"""Dotted paths into variables: outputs and join mappings reach into objects with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from branchline.engine.values import Json, Variables, encode, members


def read(variables: Variables, path: str) -> Json | None:
    """The document at a path, None when there is none (semantics 2.3, 6.4)."""
    name, _, rest = path.partition(".")
    document = variables.get(name)
    while document is not None and rest:
        name, _, rest = rest.partition(".")
        document = (members(document) or {}).get(name)
    return document


def write_all(variables: Variables, documents: Iterable[tuple[str, Json]]) -> None:
    """Put documents at their paths, one after the other (semantics 6.4).

    What is no object on the way is replaced. However many paths lead into an object, it is read
    and written once.
    """
    opened: dict[str, Any] = dict(variables)
    for path, document in documents:
        *way, last = path.split(".")
        target = opened
        for name in way:
            target = _open(target, name)
        target[last] = document
    for name, value in opened.items():
        variables[name] = encode(value) if isinstance(value, dict) else value


def _open(within: dict[str, Any], name: str) -> dict[str, Any]:
    """The object of a name, which is empty when there was none."""
    value = within.get(name)
    if not isinstance(value, dict):
        value = within[name] = {} if value is None else dict(members(value) or {})
    return value
