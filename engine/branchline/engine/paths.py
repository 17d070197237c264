"""Dotted paths into variables: outputs and join mappings reach into objects with them."""

from __future__ import annotations

from branchline.engine.values import Json, Variables, encode, members


def read(variables: Variables, path: str) -> Json | None:
    """The document at a path, None when there is none (semantics 2.3, 6.4)."""
    name, _, rest = path.partition(".")
    document = variables.get(name)
    while document is not None and rest:
        name, _, rest = rest.partition(".")
        document = (members(document) or {}).get(name)
    return document


def write(variables: Variables, path: str, document: Json) -> None:
    """Put a document at a path; what is no object on the way is replaced (semantics 6.4)."""
    names = path.split(".")
    objects = [variables]
    for name in names[:-1]:
        inner = objects[-1].get(name)
        objects.append((members(inner) or {}) if inner is not None else {})
    objects[-1][names[-1]] = document
    for index in range(len(names) - 2, -1, -1):
        objects[index][names[index]] = encode(objects[index + 1])
